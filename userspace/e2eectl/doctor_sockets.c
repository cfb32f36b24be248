// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * UDP sockets that look like those of a media engine, and that nothing
 * protects: not attached, no guard for their port. A host has many UDP sockets
 * that are none of our business; what is left out, and why, is in suspect().
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "doctor.h"

#define PORT_FIRST	1024		/* media never uses lower ones */
#define PORTS_SHOWN	8

struct udp {
	struct e2ee_udp sock;
	bool covered;			/* attached or guarded */
	pid_t pid;			/* of the process that holds it, 0: none */
	char process[32];
};

struct survey {
	struct udp *udp;
	size_t count;
	struct e2ee_guard *guards;
	size_t guard_count;
};

/* Ports of services that are not media and sit above 1023 */
static const uint16_t services[] = {
	1194, 1701, 1812, 1813, 1900, 2049, 2152, 3478, 3702, 4500, 4789, 5060,
	5061, 5349, 5350, 5351, 5353, 5355, 5678, 6081, 8472, 51820,
};

static bool is_service(uint16_t port)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(services); i++)
		if (services[i] == port)
			return true;
	return false;
}

static int udp_found(const struct e2ee_udp *sock, void *arg)
{
	struct survey *survey = arg;
	struct udp *new;

	new = realloc(survey->udp, (survey->count + 1) * sizeof(*new));
	if (!new)
		return -ENOMEM;
	survey->udp = new;
	new += survey->count++;
	memset(new, 0, sizeof(*new));
	new->sock = *sock;
	return 0;
}

static int guard_found(const struct e2ee_guard *guard, void *arg)
{
	struct survey *survey = arg;
	struct e2ee_guard *new;

	new = realloc(survey->guards, (survey->guard_count + 1) * sizeof(*new));
	if (!new)
		return -ENOMEM;
	survey->guards = new;
	new[survey->guard_count++] = *guard;
	return 0;
}

static int attached_found(const struct e2ee_socket *sock, void *arg)
{
	struct survey *survey = arg;
	size_t i;

	for (i = 0; sock->session && i < survey->count; i++)
		if (survey->udp[i].sock.inode == sock->inode)
			survey->udp[i].covered = true;
	return 0;
}

/* A guard for a cgroup may or may not be meant for it: it gets the benefit */
static bool guarded(const struct survey *survey, const struct e2ee_udp *sock)
{
	size_t i;

	for (i = 0; i < survey->guard_count; i++) {
		const struct e2ee_guard *guard = &survey->guards[i];

		if (sock->local.port < guard->port_first ||
		    sock->local.port > guard->port_last)
			continue;
		if ((guard->has & E2EE_HAS(E2EE_A_GUARD_UID)) &&
		    guard->uid != sock->uid)
			continue;
		return true;
	}
	return false;
}

static void owner_note(struct survey *survey, uint64_t inode, pid_t pid)
{
	char path[64];
	size_t i;
	FILE *file;

	for (i = 0; i < survey->count; i++) {
		struct udp *udp = &survey->udp[i];

		if (udp->sock.inode != inode || udp->pid)
			continue;
		udp->pid = pid;
		snprintf(path, sizeof(path), "/proc/%d/comm", (int)pid);
		file = fopen(path, "re");
		if (!file)
			continue;
		if (fgets(udp->process, sizeof(udp->process), file))
			udp->process[strcspn(udp->process, "\n")] = '\0';
		fclose(file);
	}
}

static void process_sockets(struct survey *survey, const char *pid)
{
	char path[300], link[64];
	const struct dirent *entry;
	size_t prefix = strlen("socket:[");
	ssize_t len;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%s/fd", pid);
	dir = opendir(path);
	if (!dir)
		return;
	while ((entry = readdir(dir))) {
		len = readlinkat(dirfd(dir), entry->d_name, link,
				 sizeof(link) - 1);
		if (len <= 0)
			continue;
		link[len] = '\0';
		if (!strncmp(link, "socket:[", prefix))
			owner_note(survey, strtoull(link + prefix, NULL, 10),
				   (pid_t)strtol(pid, NULL, 10));
	}
	closedir(dir);
}

static void owners_find(struct survey *survey)
{
	const struct dirent *entry;
	DIR *proc = opendir("/proc");

	if (!proc)
		return;
	while ((entry = readdir(proc)))
		if (isdigit((unsigned char)entry->d_name[0]))
			process_sockets(survey, entry->d_name);
	closedir(proc);
}

/* A process with a socket on a service's port is that service. */
static bool process_is_service(const struct survey *survey, pid_t pid)
{
	size_t i;

	for (i = 0; i < survey->count; i++) {
		uint16_t port = survey->udp[i].sock.local.port;

		if (survey->udp[i].pid == pid && port &&
		    (port < PORT_FIRST || is_service(port)))
			return true;
	}
	return false;
}

/*
 * Left out: what is attached or guarded; unbound sockets; privileged ports;
 * clients of privileged ports (DNS, QUIC, NTP); sockets of the kernel itself
 * (VXLAN, WireGuard), which no process holds; everything of a process that
 * also has a well-known port.
 */
static bool suspect(const struct survey *survey, const struct udp *udp)
{
	return !udp->covered && udp->sock.local.port >= PORT_FIRST &&
	       !(udp->sock.remote.len && udp->sock.remote.port < PORT_FIRST) &&
	       udp->pid && !process_is_service(survey, udp->pid);
}

/* One finding for each process; its sockets are then done with */
static void process_report(struct doctor *doctor, struct survey *survey,
			   size_t first)
{
	const struct udp *udp = &survey->udp[first];
	unsigned int sockets = 0;
	char ports[PORTS_SHOWN * 8] = "";
	pid_t pid = udp->pid;
	size_t at = 0, i;

	for (i = first; i < survey->count; i++) {
		struct udp *other = &survey->udp[i];

		if (other->pid != pid || !suspect(survey, other))
			continue;
		if (sockets < PORTS_SHOWN)
			at += (size_t)snprintf(ports + at, sizeof(ports) - at,
					       "%s%u", sockets ? ", " : "",
					       other->sock.local.port);
		sockets++;
		other->covered = true;
	}
	finding(doctor, LEVEL_WARN, "sockets",
		"if it sends media: add-guard NAME ports A-B",
		"process %s (%d) has unprotected UDP sockets: %u, on port %s%s",
		udp->process, (int)pid, sockets, ports,
		sockets > PORTS_SHOWN ? ", ..." : "");
}

void check_sockets(struct doctor *doctor)
{
	struct survey survey = { .udp = NULL };
	struct e2ee_ctx *ctx = doctor->app->ctx;
	bool any = false;
	size_t i;

	if (e2ee_udp_list(ctx, udp_found, &survey) ||
	    e2ee_guard_list(ctx, NULL, guard_found, &survey) ||
	    e2ee_socket_list(ctx, NULL, attached_found, &survey)) {
		finding(doctor, LEVEL_WARN, "sockets",
			"modprobe udp_diag; modprobe inet_diag",
			"cannot be listed: %s", e2ee_strerror(ctx));
		goto out;
	}
	for (i = 0; i < survey.count; i++)
		if (guarded(&survey, &survey.udp[i].sock))
			survey.udp[i].covered = true;
	owners_find(&survey);
	for (i = 0; i < survey.count; i++) {
		if (!suspect(&survey, &survey.udp[i]))
			continue;
		process_report(doctor, &survey, i);
		any = true;
	}
	if (!any)
		finding(doctor, LEVEL_OK, "sockets", NULL,
			"no unprotected UDP socket looks like media");
out:
	free(survey.udp);
	free(survey.guards);
}
