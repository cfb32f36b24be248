// SPDX-License-Identifier: GPL-2.0
/*
 * Memory runs out while the module is loaded, one allocation after the other: it
 * loads whole or not at all.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lib/ctl.h"
#include "lib/fault.h"
#include "lib/figures.h"
#include "lib/harness.h"
#include "lib/module.h"
#include "lib/sock.h"

static int load(int file)
{
	return syscall(SYS_finit_module, file, "", 0) ? -errno : 0;
}

/* The part of the module that said in the log why it does not load; "" */
static const char *who_failed(int log)
{
	static char name[32];
	char record[1024], *at;
	ssize_t n;

	name[0] = '\0';
	while ((n = read(log, record, sizeof(record) - 1)) > 0) {
		record[n] = '\0';
		at = strstr(record, ";e2ee: ");
		if (at)
			sscanf(at, ";e2ee: %31[a-z]", name);
	}
	return name;
}

/* It loaded, though something failed: all that it is for works. */
static const char *whole(void)
{
	static const enum sock_kind kinds[] = { SOCK_V4, SOCK_V6 };
	const char *wrong = "";
	uint32_t session;
	struct ctl ctl;
	int fd;

	if (ctl_open(&ctl))
		return "no control";
	if (ctl_session_new(&ctl, "whole", NULL, &session))
		wrong = "no session";
	for (size_t i = 0; !*wrong && i < ARRAY_SIZE(kinds); i++) {
		fd = sock_udp(kinds[i], 0, NULL);
		if (ctl_attach(&ctl, session, fd, NULL))
			wrong = kinds[i] == SOCK_V4 ? "IPv4 is not attached" :
						      "IPv6 is not attached";
		close(fd);
	}
	if (!*wrong && ctl_session_del(&ctl, session))
		wrong = "session stays";
	ctl_close(&ctl);
	return wrong;
}

/*
 * From the last allocation of loading to the one that comes before the module's
 * own: those before are the kernel's loader's.
 */
TEST(loading)
{
	const unsigned int many = 1000000, step = short_or_long(5, 1);
	int file, log, err, named = 0, points = 0;
	const char *wrong, *who = "";
	unsigned int nth;
	bool hit;

	ASSERT_EQ(0, fault_open());
	ASSERT_EQ(0, module_load("e2ee"));
	ASSERT_EQ(0, module_unload_soon("e2ee"));
	ASSERT_EQ(0, sock_netns());
	file = open(module_file("e2ee"), O_RDONLY | O_CLOEXEC);
	log = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	ASSERT_LE(0, file);
	ASSERT_LE(0, log);
	/* how many there are, when all that is kept for later is there */
	for (int i = 0; i < 2; i++) {
		fault_begin(many);
		ASSERT_EQ(0, load(file));
		nth = many - fault_left();
		ASSERT_EQ(0, module_unload_soon("e2ee"));
	}
	for (; nth > step; nth -= step) {
		lseek(log, 0, SEEK_END);
		fault_begin(nth);
		err = load(file);
		hit = fault_end();
		who = err ? who_failed(log) : "";
		/* "no more sockets", says the kernel where it has no memory */
		EXPECT_TRUE(fault_fits(err) || err == -ENFILE) {
			TH_LOG("allocation %u: %s", nth, strerror(-err));
		}
		points += hit;
		named += *who != '\0';
		if (err && !*who)
			break;		/* the loader's own */
		wrong = err ? "" : whole();
		EXPECT_STREQ("", wrong) {
			TH_LOG("loaded without allocation %u", nth);
		}
		/* not even half of it is there */
		ASSERT_EQ(err ? -ENOENT : 0, module_unload_soon("e2ee"));
	}
	TH_LOG("%d points, of which %d kept it from loading", points, named);
	/* caches, workqueues, sockets, what is registered */
	EXPECT_LT(short_or_long(6, 30), named);
	close(file);
	close(log);
	EXPECT_EQ(0, module_load("e2ee"));
	EXPECT_STREQ("", whole());
	figure_add("fault_load", "fault_points", points);
}

TEST_HARNESS_MAIN
