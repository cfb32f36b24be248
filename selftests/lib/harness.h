/* SPDX-License-Identifier: GPL-2.0 */
/*
 * kselftest's harness, patient: a machine may be busy with others for most of
 * the time, and an emulated one is slow by itself. Only what never ends is
 * stopped.
 */
#ifndef E2EE_TEST_HARNESS_H
#define E2EE_TEST_HARNESS_H

#include "kselftest_harness.h"

#undef TEST_TIMEOUT_DEFAULT
#define TEST_TIMEOUT_DEFAULT	600	/* seconds */

#endif /* E2EE_TEST_HARNESS_H */
