/* SPDX-License-Identifier: GPL-2.0 */
/* Loading and unloading the module under test, and those of tests. */
#ifndef E2EE_TEST_MODULE_H
#define E2EE_TEST_MODULE_H

/*
 * The file of module @name: E2EE_KO if that is its name, or in E2EE_RESULTS, or
 * E2EE_KERNEL's in E2EE_BUILD; NULL
 */
const char *module_file(const char *name);

/* 0, also if it is loaded; -errno */
int module_load(const char *name);
int module_unload(const char *name);

/* A socket's last reference goes with an RCU callback: soon, not at once. */
int module_unload_soon(const char *name);

#endif /* E2EE_TEST_MODULE_H */
