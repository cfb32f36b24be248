// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Why a transport cannot be opened, in words.
 */
#include <stdarg.h>
#include <stdio.h>

#include "transport_kind.h"

int transport_error(char *error, int ret, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(error, E2EE_ERROR_LEN, format, args);
	va_end(args);
	return ret;
}
