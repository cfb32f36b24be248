/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Does a system call wait? A busy or an emulated machine makes it take long, so
 * its duration does not tell. How often the thread gave up its CPU in order to
 * wait does: for a mutex, for memory, for another task.
 */
#ifndef E2EE_TEST_WAITS_H
#define E2EE_TEST_WAITS_H

/*
 * From now on no page that the process has by now is fetched from a file, nor
 * does the process pay for one of them: 0 or -errno
 */
int waits_prepare(void);

/* How often the calling thread has waited so far */
long waits_count(void);

#endif /* E2EE_TEST_WAITS_H */
