/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Where gcc's -fsanitize-coverage=trace-pc puts calls to.
 */
#ifndef E2EE_COVER_H
#define E2EE_COVER_H

void __sanitizer_cov_trace_pc(void);

#endif /* E2EE_COVER_H */
