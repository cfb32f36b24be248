/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A table of a test that a document has, too: printed as TAP diagnostics, and
 * held against what is written there, so that the two cannot part.
 */
#ifndef E2EE_TEST_DOCUMENT_H
#define E2EE_TEST_DOCUMENT_H

#include <stddef.h>

struct document {
	size_t len;
	char text[8192];	/* as it must be in the document */
};

void document_begin(struct document *doc, const char *what, const char *then);
/* @first is a counter, with or without "+1"; so is @second, or it is NULL */
void document_row(struct document *doc, const char *what, const char *first,
		  const char *second);
/* Ends the table, and prints it */
void document_end(struct document *doc);

/* "", or why file @name of Documentation has not just this table */
const char *document_lacks(const char *name, const struct document *doc);

#endif /* E2EE_TEST_DOCUMENT_H */
