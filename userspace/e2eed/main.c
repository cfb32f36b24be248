// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * e2eed: this appliance takes part in a room, and its session of the kernel
 * gets the keys.
 */
#include <stdio.h>
#include <stdlib.h>

#include "daemon.h"

static int room_run(struct config *config)
{
	struct daemon *daemon = calloc(1, sizeof(*daemon));
	int code;

	if (!daemon)
		return log_exit(EXIT_AGAIN, "out of memory");
	code = daemon_run(daemon, config);
	free(daemon);
	return code;
}

int main(int argc, char **argv)
{
	static struct config config;
	int code;

	loop_signals_hold();
	code = config_read(&config, argc, argv);
	if (code)
		return code < 0 ? EXIT_LEFT : code;
	if (config.stop_sending)
		return kernel_stop_sending(config.session);
	code = daemon_check(&config);
	if (!code && config.check) {
		printf("room %s, device %s, session %s: the configuration is good\n",
		       config.room, config.dev, config.session);
		return EXIT_LEFT;
	}
	if (!code)
		code = harden_memory(config.debug_core);
	if (!code)
		code = harden_rights();
	return code ? code : room_run(&config);
}
