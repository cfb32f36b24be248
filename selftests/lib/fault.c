// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fault.h"
#include "file.h"

#define DEBUGFS		"/sys/kernel/debug/"
#define FAIL_NTH	"/proc/thread-self/fail-nth"

static __thread int nth_fd = -1;

int fault_open(void)
{
	static const char *const zeros[] = {
		DEBUGFS "failslab/ignore-gfp-wait",
		DEBUGFS "failslab/probability",
		DEBUGFS "failslab/verbose",
		DEBUGFS "fail_page_alloc/ignore-gfp-wait",
		DEBUGFS "fail_page_alloc/ignore-gfp-highmem",
		DEBUGFS "fail_page_alloc/min-order",
		DEBUGFS "fail_page_alloc/verbose",
		DEBUGFS "fail_usercopy/verbose",
	};
	int err;

	for (size_t i = 0; i < sizeof(zeros) / sizeof(*zeros); i++) {
		err = file_write(zeros[i], "0");
		if (err)
			return err;
	}
	return access(FAIL_NTH, W_OK) ? -errno : 0;
}

/* All here must be there before: it must not be what fails. */
void fault_begin(unsigned int nth)
{
	char text[16];
	int len = snprintf(text, sizeof(text), "%u", nth);

	if (nth_fd < 0)
		nth_fd = open(FAIL_NTH, O_RDWR | O_CLOEXEC);
	if (nth_fd < 0 || pwrite(nth_fd, text, (size_t)len, 0) != len)
		abort();
}

unsigned int fault_left(void)
{
	char text[16] = "";
	/* where this copy is the one that fails, none did before */
	ssize_t len = pread(nth_fd, text, sizeof(text) - 1, 0);
	unsigned int left = len > 0 ? (unsigned int)atoi(text) : 1;

	/* the same for this one; the second try is not the nth any more */
	if (pwrite(nth_fd, "0", 1, 0) != 1 && pwrite(nth_fd, "0", 1, 0) != 1)
		abort();
	return left;
}

bool fault_end(void)
{
	return !fault_left();
}

/* Its write allocates nothing: what is to fail is still to come. */
static void any_probability(const char *percent)
{
	static int fd = -1;

	if (fd < 0)
		fd = open(DEBUGFS "failslab/probability", O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, percent, strlen(percent)) < 0)
		abort();
}

void fault_any_begin(size_t bytes)
{
	char text[24];

	any_probability("0");
	snprintf(text, sizeof(text), "%zu", bytes);
	if (file_write(DEBUGFS "failslab/times", "1") ||
	    file_write(DEBUGFS "failslab/interval", "1") ||
	    file_write(DEBUGFS "failslab/space", text))
		abort();
	any_probability("100");
}

bool fault_any_end(void)
{
	char text[16] = "";
	ssize_t len;
	int fd;

	any_probability("0");
	fd = open(DEBUGFS "failslab/times", O_RDONLY | O_CLOEXEC);
	len = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	if (len <= 0)
		abort();
	close(fd);
	return atoi(text) == 0;
}

bool fault_fits(int err)
{
	return err >= 0 || err == -ENOMEM || err == -ENOBUFS ||
	       err == -EFAULT || err == -EIO || err == -EAGAIN;
}
