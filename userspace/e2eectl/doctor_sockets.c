// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * UDP sockets that nothing protects: not attached, no guard for them. One that sends
 * RTP is a failure. Of the others a host has many that are none of our business; what
 * is left out, and why, is in suspect().
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
#define WATCH_MS	600		/* at a voice's pace, 30 packets */
#define CGROUP_MAX	4096

struct survey {
	const struct doctor *doctor;
	struct udp *udp;
	size_t count;
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

static bool attached(const struct survey *survey, const struct e2ee_udp *sock)
{
	const struct doctor *doctor = survey->doctor;
	size_t i;

	for (i = 0; i < doctor->socket_count; i++)
		if (doctor->sockets[i].session &&
		    doctor->sockets[i].inode == sock->inode)
			return true;
	return false;
}

/* Whether the process is in the cgroup, or in one below it */
static bool process_in_cgroup(pid_t pid, const char *cgroup)
{
	size_t len = strlen(cgroup), size = 0;
	char path[64], *line = NULL;
	bool inside = false;
	FILE *file;

	while (len && cgroup[len - 1] == '/')
		len--;
	snprintf(path, sizeof(path), "/proc/%d/cgroup", (int)pid);
	file = fopen(path, "re");
	if (!file)
		return false;
	while (!inside && getline(&line, &size, file) > 0)
		inside = !strncmp(line, "0::", 3) &&
			 !strncmp(line + 3, cgroup, len) &&
			 strchr("/\n", line[3 + len]);
	free(line);
	fclose(file);
	return inside;
}

static bool guarded(const struct survey *survey, const struct udp *udp)
{
	const struct doctor *doctor = survey->doctor;
	size_t i;

	for (i = 0; i < doctor->guard_count; i++) {
		const struct e2ee_guard *guard = &doctor->guards[i];

		if (guard->port_first &&
		    (udp->sock.local.port < guard->port_first ||
		     udp->sock.local.port > guard->port_last))
			continue;
		if ((guard->has & E2EE_HAS(E2EE_A_GUARD_UID)) &&
		    guard->uid != udp->sock.uid)
			continue;
		if (*guard->cgroup &&
		    !process_in_cgroup(udp->pid, guard->cgroup))
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

/* One finding for each process; its sockets of that kind are then done with */
static void process_report(struct doctor *doctor, struct survey *survey,
			   size_t first)
{
	const struct udp *udp = &survey->udp[first];
	unsigned int sockets = 0;
	char ports[PORTS_SHOWN * 8] = "";
	bool media = udp->media;
	pid_t pid = udp->pid;
	size_t at = 0, i;

	for (i = first; i < survey->count; i++) {
		struct udp *other = &survey->udp[i];

		if (other->pid != pid || other->media != media ||
		    !(media ? !other->covered : suspect(survey, other)))
			continue;
		if (sockets < PORTS_SHOWN)
			at += (size_t)snprintf(ports + at, sizeof(ports) - at,
					       "%s%u", sockets ? ", " : "",
					       other->sock.local.port);
		sockets++;
		other->covered = true;
	}
	if (sockets > PORTS_SHOWN)
		snprintf(ports + at, sizeof(ports) - at, ", ...");
	if (media)
		finding(doctor, LEVEL_FAIL, "clear-media",
			"add-guard NAME ports A-B",
			"process %s (%d) sends RTP that nothing protects, from port %s",
			udp->process, (int)pid, ports);
	else
		finding(doctor, LEVEL_WARN, "sockets",
			"if it sends media: add-guard NAME ports A-B",
			"process %s (%d) has unprotected UDP sockets: %u, on port %s",
			udp->process, (int)pid, sockets, ports);
}

/* Whose sockets are protected; nothing below port 1024 is media. */
static void cover(struct survey *survey)
{
	size_t i;

	for (i = 0; i < survey->count; i++) {
		struct udp *udp = &survey->udp[i];

		udp->covered = udp->sock.local.port < PORT_FIRST ||
			       attached(survey, &udp->sock) ||
			       guarded(survey, udp);
	}
}

static bool all_covered(const struct survey *survey)
{
	size_t i;

	for (i = 0; i < survey->count; i++)
		if (!survey->udp[i].covered)
			return false;
	return true;
}

void check_sockets(struct doctor *doctor)
{
	struct survey survey = { .doctor = doctor };
	struct e2ee_ctx *ctx = doctor->app->ctx;
	bool any = false;
	size_t i;

	if (e2ee_udp_list(ctx, udp_found, &survey)) {
		finding(doctor, LEVEL_WARN, "sockets",
			"modprobe udp_diag; modprobe inet_diag",
			"cannot be listed: %s", e2ee_strerror(ctx));
		free(survey.udp);
		return;
	}
	owners_find(&survey);
	cover(&survey);
	if (!all_covered(&survey) &&
	    !media_watch(doctor->app->netns, survey.udp, survey.count,
			 WATCH_MS))
		finding(doctor, LEVEL_WARN, "sockets", "run it as root",
			"whether media leaves in clear could not be looked at");
	for (i = 0; i < survey.count; i++) {
		const struct udp *udp = &survey.udp[i];

		if (udp->covered || !(udp->media || suspect(&survey, udp)))
			continue;
		process_report(doctor, &survey, i);
		any = true;
	}
	if (!any)
		finding(doctor, LEVEL_OK, "sockets", NULL,
			"no unprotected UDP socket looks like media");
	free(survey.udp);
}
