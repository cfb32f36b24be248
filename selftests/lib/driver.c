// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctl.h"
#include "driver.h"
#include "sframe.h"

/* The driver that a session computes with, "" if it cannot be told. */
static void driver_of(struct ctl *ctl, uint32_t session,
		      char driver[DRIVER_ROOM])
{
	struct ctl_key key = { .dir = E2EE_DIR_RX, .kid = 77 };
	struct ctl_key_info info;
	struct sframe_key secret;

	driver[0] = '\0';
	sframe_key_random(&secret, 5, key.kid);
	key.secret = secret.secret;
	key.salt = secret.salt;
	if (ctl_key_new(ctl, session, &key))
		return;
	if (!ctl_key_get(ctl, session, &key, &info))
		strcpy(driver, info.driver);
	ctl_key_del(ctl, session, &key);
}

static bool is_async(struct ctl *ctl, const char *name)
{
	struct ctl_session options = { .crypto = name };
	char driver[DRIVER_ROOM];
	uint32_t session;

	if (ctl_session_new(ctl, "try", &options, &session))
		return false;
	driver_of(ctl, session, driver);
	ctl_session_del(ctl, session);
	return !strncmp(driver, "cryptd(", 7) || !strncmp(driver, "pcrypt(", 7);
}

/*
 * What makes an asynchronous driver of a synchronous one. Before 6.3 cryptd
 * changes its caller's request, for which the kernel's self-test refuses it
 * with a WARNING; the newest kernels have none.
 */
static const char *wrapper(void)
{
	if (system("modprobe -q pcrypt") || access("/sys/module/pcrypt", F_OK))
		return "cryptd";
	return "pcrypt";
}

/* The next synchronous driver of AES-GCM in the kernel's list. */
static bool next_driver(FILE *list, char driver[DRIVER_ROOM])
{
	bool gcm = false, sync = false;
	char line[512];

	while (fgets(line, sizeof(line), list)) {
		if (!strncmp(line, "name ", 5))
			gcm = strstr(line, ": gcm(aes)\n");
		sscanf(line, "driver : %127[^\n]", driver);
		if (!strncmp(line, "internal ", 9))
			gcm = gcm && strstr(line, ": no");
		if (!strncmp(line, "async ", 6))
			sync = strstr(line, ": no");
		if (*line == '\n' && gcm && sync)
			return true;
		if (*line == '\n')
			gcm = sync = false;
	}
	return false;
}

int driver_find_async(char name[DRIVER_ROOM])
{
	char inner[DRIVER_ROOM], driver[DRIVER_ROOM];
	const char *wrap = wrapper();
	int err = -ENOENT;
	uint32_t session;
	struct ctl ctl;
	FILE *list;

	if (ctl_open(&ctl))
		return err;
	/* a key brings the default driver's parts into the list */
	if (!ctl_session_new(&ctl, "default", NULL, &session)) {
		driver_of(&ctl, session, driver);
		ctl_session_del(&ctl, session);
	}
	list = fopen("/proc/crypto", "r");
	while (list && err && next_driver(list, inner)) {
		if ((size_t)snprintf(name, DRIVER_ROOM, "%s(%s)", wrap,
				     inner) >= DRIVER_ROOM)
			continue;
		if (is_async(&ctl, name))
			err = 0;
	}
	if (list)
		fclose(list);
	ctl_close(&ctl);
	return err;
}
