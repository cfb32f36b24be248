// SPDX-License-Identifier: GPL-2.0
/*
 * Tracepoints: the one place that makes their bodies.
 */
#define CREATE_TRACE_POINTS
#include "trace.h"

EXPORT_TRACEPOINT_SYMBOL_GPL(e2ee_hook);	/* for the benchmark */
