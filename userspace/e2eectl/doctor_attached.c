// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Sockets that the module holds: those that pass no media, those that have none, and
 * that, with guards, they hold the module itself.
 */
#include <arpa/inet.h>
#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "doctor.h"

#define STRANGE_MIN	16		/* packets; fewer are no habit */

/* "3 on 192.0.2.1:5004" */
static const char *socket_text(const struct e2ee_socket *sock)
{
	static char text[128];
	char ip[INET6_ADDRSTRLEN] = "?";

	inet_ntop(sock->local.len == 16 ? AF_INET6 : AF_INET, sock->local.addr,
		  ip, sizeof(ip));
	snprintf(text, sizeof(text), "%" PRIu64 " on %s port %u", sock->id, ip,
		 sock->local.port);
	return text;
}

/* What a socket sent that is like nothing that a media engine sends */
static bool mostly_strange(const struct e2ee_socket *sock)
{
	const uint64_t *value = sock->stats.value;
	uint64_t strange = value[E2EE_A_STAT_TX_MALFORMED];
	uint64_t media = value[E2EE_A_STAT_TX_OK] +
			 value[E2EE_A_STAT_TX_CLEAR] +
			 value[E2EE_A_STAT_TX_NO_KEY] +
			 value[E2EE_A_STAT_TX_KEY_EXPIRED];

	return strange >= STRANGE_MIN && strange > media;
}

void check_attached(struct doctor *doctor)
{
	size_t i;

	for (i = 0; i < doctor->socket_count; i++) {
		const struct e2ee_socket *sock = &doctor->sockets[i];

		if (sock->session &&
		    !session_name(&doctor->names, sock->session))
			finding(doctor, LEVEL_FAIL, "blocked",
				"attach NAME local ADDRESS:PORT, or end the program",
				"socket %s passes no media: its session was deleted",
				socket_text(sock));
		if ((sock->has & E2EE_HAS(E2EE_A_SOCKET_GUARD)) &&
		    mostly_strange(sock))
			finding(doctor, LEVEL_FAIL, "no-media",
				"detach ID force, or a narrower guard",
				"socket %s was attached by guard %u, but sends mostly what is no media: that is dropped",
				socket_text(sock), sock->guard);
	}
}

static unsigned long references(const char *root)
{
	unsigned long count = 0;
	char path[PATH_MAX];
	FILE *file;

	snprintf(path, sizeof(path), "%s/sys/module/e2ee/refcnt", root);
	file = fopen(path, "re");
	if (!file)
		return 0;
	if (fscanf(file, "%lu", &count) != 1)
		count = 0;
	fclose(file);
	return count;
}

__attribute__((format(printf, 2, 3)))
static void text_add(char (*text)[384], const char *format, ...)
{
	size_t at = strlen(*text);
	va_list args;

	va_start(args, format);
	vsnprintf(*text + at, sizeof(*text) - at, format, args);
	va_end(args);
}

/* Each guard and each socket is a reference to the module: none may be unloaded */
void check_holders(struct doctor *doctor, const char *root)
{
	unsigned long all = references(root);
	unsigned long own = doctor->guard_count + doctor->socket_count;
	char text[384] = "";
	size_t i;

	if (!all)
		return;
	for (i = 0; i < doctor->guard_count; i++)
		text_add(&text, "%sguard %u", *text ? ", " : "",
			 doctor->guards[i].id);
	for (i = 0; i < doctor->socket_count; i++)
		text_add(&text, "%ssocket %s", *text ? ", " : "",
			 socket_text(&doctor->sockets[i]));
	if (all > own)
		text_add(&text, "%s%lu guards and sockets of other network namespaces",
			 *text ? ", and " : "", all - own);
	finding(doctor, LEVEL_OK, "unload",
		"del-guard ID; end the programs with these sockets; ip netns list, and doctor with -n",
		"rmmod is refused, since these hold the module: %s", text);
}
