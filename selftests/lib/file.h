/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Files by which the kernel is told something: sysctl, cgroups, debugfs.
 */
#ifndef E2EE_TEST_FILE_H
#define E2EE_TEST_FILE_H

/* All of @value in one write: 0 or -errno; -EIO where the kernel took a part */
int file_write(const char *path, const char *value);

#endif /* E2EE_TEST_FILE_H */
