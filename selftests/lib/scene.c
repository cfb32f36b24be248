// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "scene.h"

int scene_open(struct scene *scene, enum sock_kind kind,
	       const struct ctl_session *options)
{
	int err;

	memset(scene, 0, sizeof(*scene));
	scene->kind = kind;
	err = sock_netns();
	if (err)
		return err;
	scene->fd = sock_udp(kind, 0, &scene->addr);
	scene->peer = sock_udp(kind, 0, &scene->peer_addr);
	if (scene->fd < 0 || scene->peer < 0)
		return -errno;
	err = sock_connect(scene->fd, &scene->peer_addr);
	if (!err)
		err = sock_connect(scene->peer, &scene->addr);
	if (!err)
		err = ctl_open(&scene->ctl);
	if (!err)
		err = ctl_session_new(&scene->ctl, "scene", options,
				      &scene->session);
	return err ?: scene_attach(scene);
}

int scene_attach(struct scene *scene)
{
	return ctl_attach(&scene->ctl, scene->session, scene->fd, NULL) ?:
	       ctl_session_stats(&scene->ctl, scene->session,
				 scene->session_before) ?:
	       ctl_socket_stats(&scene->ctl, scene->fd, scene->socket_before);
}

void scene_close(struct scene *scene)
{
	close(scene->fd);
	close(scene->peer);
	ctl_close(&scene->ctl);
}

int scene_key(struct scene *scene, uint32_t dir, const struct sframe_key *key,
	      const struct ctl_key *more)
{
	struct ctl_key request = { 0 };

	if (more)
		request = *more;
	request.dir = dir;
	request.kid = key->kid;
	request.suite = key->suite;
	request.secret = key->secret;
	request.salt = key->salt;
	return ctl_key_new(&scene->ctl, scene->session, &request);
}

const char *stats_changes(const uint64_t before[CTL_STATS],
			  const uint64_t after[CTL_STATS])
{
	static char texts[4][512];
	static unsigned int turn;
	char *text = texts[turn++ % 4];
	size_t used = 0;

	text[0] = '\0';
	for (unsigned int i = 0; i < CTL_STATS; i++) {
		if (after[i] == before[i])
			continue;
		used += (size_t)snprintf(text + used, sizeof(texts[0]) - used,
					 "%s%s%+lld", used ? " " : "",
					 ctl_stat_name(i),
					 (long long)(after[i] - before[i]));
	}
	return text;
}

const char *scene_changes(struct scene *scene)
{
	uint64_t session[CTL_STATS], socket[CTL_STATS];
	const char *of_session, *of_socket;
	static char both[1100];
	int err;

	/* a deleted session has no counters left, its sockets have */
	err = ctl_socket_stats(&scene->ctl, scene->fd, socket);
	if (err)
		return strerror(-err);
	of_socket = stats_changes(scene->socket_before, socket);
	memcpy(scene->socket_before, socket, sizeof(socket));

	err = ctl_session_stats(&scene->ctl, scene->session, session);
	if (err == -ENOENT)
		return of_socket;
	if (err)
		return strerror(-err);
	of_session = stats_changes(scene->session_before, session);
	memcpy(scene->session_before, session, sizeof(session));
	if (!strcmp(of_session, of_socket))
		return of_session;
	snprintf(both, sizeof(both), "session: %s socket: %s", of_session,
		 of_socket);
	return both;
}

int scene_flush(int from, int to)
{
	uint8_t marker[64], got[RTP_ROOM];
	size_t len = stun_build(marker);
	int n, before = 0;

	n = sock_send(from, marker, len, NULL);
	if (n < 0)
		return n;
	for (;; before++) {
		n = sock_recv(to, got, sizeof(got));
		if (n < 0)
			return n;
		if ((size_t)n == len && !memcmp(got, marker, len))
			return before;
	}
}
