/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a test counted, for the report: E2EE_RESULTS/NAME.json, an object of
 * numbers. What has the same name is added up. A test says it whether it passed or
 * not: what was tried counts only where the whole run passed.
 */
#ifndef E2EE_TEST_FIGURES_H
#define E2EE_TEST_FIGURES_H

#include <stdbool.h>

/* Adds @value to the figure @key of the file @name; nowhere to write to: no */
void figure_add(const char *name, const char *key, double value);

/* The long form is wanted (E2EE_LONG) */
bool long_form(void);
/* One of two numbers */
long short_or_long(long in_short, long in_long);
/* How long to go on, as E2EE_SECONDS says; else @otherwise */
long seconds_or(long otherwise);

#endif /* E2EE_TEST_FIGURES_H */
