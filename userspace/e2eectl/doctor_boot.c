// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Whether the guards will be there after the next boot: something restores them, and
 * from a file that has them.
 */
#include <glob.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "doctor.h"

#define SAVE	"e2eectl save >" HOSTCONF_PATH

/* Links by which an init starts what restores; those below /run do not last */
static const char *const links[] = {
	"/etc/systemd/system/*.wants/e2ee.service",
	"/etc/systemd/system/*.requires/e2ee.service",
	"/usr/local/lib/systemd/system/*.wants/e2ee.service",
	"/usr/lib/systemd/system/*.wants/e2ee.service",
	"/lib/systemd/system/*.wants/e2ee.service",
	"/etc/rc[S2-5].d/S*e2ee",
	"/etc/runlevels/*/e2ee",
};

/* Whether the link leads to a file */
static bool leads_on(const char *path)
{
	struct stat st;

	return !stat(path, &st) && S_ISREG(st.st_mode);
}

static bool masked(const char *root)
{
	char path[PATH_MAX], to[PATH_MAX];
	ssize_t len;

	snprintf(path, sizeof(path), "%s/etc/systemd/system/e2ee.service",
		 root);
	len = readlink(path, to, sizeof(to) - 1);
	to[len > 0 ? len : 0] = '\0';
	return !strcmp(to, "/dev/null");
}

static bool restored_at_boot(const char *root)
{
	char pattern[PATH_MAX];
	bool found = false;
	size_t i, j;
	glob_t paths;

	for (i = 0; i < ARRAY_SIZE(links) && !masked(root); i++) {
		snprintf(pattern, sizeof(pattern), "%s%s", root, links[i]);
		if (glob(pattern, 0, NULL, &paths))
			continue;
		for (j = 0; j < paths.gl_pathc; j++)
			found = found || leads_on(paths.gl_pathv[j]);
		globfree(&paths);
	}
	return found;
}

static const struct e2ee_session *session_named(const struct doctor *doctor,
						const char *name)
{
	size_t i;

	for (i = 0; i < doctor->names.count; i++)
		if (!strcmp(doctor->names.sessions[i].name, name))
			return &doctor->names.sessions[i];
	return NULL;
}

static bool guard_restores(const struct doctor *doctor,
			   const struct hostconf_guard *line,
			   const struct e2ee_guard *guard)
{
	const char *name = session_name(&doctor->names, guard->session);

	return guard_same(&line->guard, guard) && name &&
	       !strcmp(line->session, name);
}

/* The guards of the kernel that the file does not have */
static void check_saved(struct doctor *doctor, const struct hostconf *conf)
{
	size_t i, j;

	for (i = 0; i < doctor->guard_count; i++) {
		for (j = 0; j < conf->guard_count; j++)
			if (guard_restores(doctor, &conf->guards[j],
					   &doctor->guards[i]))
				break;
		if (j == conf->guard_count)
			finding(doctor, LEVEL_FAIL, "boot", SAVE,
				"guard %u is not in " HOSTCONF_PATH ", and will be missing after the next boot",
				doctor->guards[i].id);
	}
	for (i = 0; i < conf->session_count; i++) {
		const struct e2ee_session *saved = &conf->sessions[i].session;
		const struct e2ee_session *now;

		now = session_named(doctor, saved->name);
		if (now && (saved->policy > now->policy ||
			    session_rtx_looser(now, saved)))
			finding(doctor, LEVEL_FAIL, "boot", SAVE,
				"session %s is looser in " HOSTCONF_PATH " (line %u) than now",
				saved->name, conf->sessions[i].line);
	}
}

/* The guards of the file that the kernel does not have */
static void check_restored(struct doctor *doctor, const struct hostconf *conf)
{
	size_t i, j;

	for (i = 0; i < conf->guard_count; i++) {
		for (j = 0; j < doctor->guard_count; j++)
			if (guard_restores(doctor, &conf->guards[i],
					   &doctor->guards[j]))
				break;
		if (j == doctor->guard_count)
			finding(doctor, LEVEL_FAIL, "boot",
				"e2eectl restore " HOSTCONF_PATH,
				"the guard in line %u of " HOSTCONF_PATH " is not there: it was not restored, or was deleted",
				conf->guards[i].line);
	}
}

static void check_file(struct doctor *doctor, const char *path)
{
	struct hostconf conf;

	if (access(path, F_OK)) {
		finding(doctor, LEVEL_FAIL, "boot",
			"mkdir -p /etc/e2ee; " SAVE,
			"there is no " HOSTCONF_PATH " to restore guards from");
		return;
	}
	if (hostconf_read(doctor->app, path, &conf)) {
		finding(doctor, LEVEL_FAIL, "boot", SAVE,
			HOSTCONF_PATH " cannot be restored");
		return;
	}
	check_saved(doctor, &conf);
	check_restored(doctor, &conf);
	hostconf_free(&conf);
}

/* The unit and its file are for the namespace that the first process is in. */
static bool namespace_of_the_host(const struct app *app)
{
	struct stat own, first;

	if (app->netns)
		return false;
	return stat("/proc/self/ns/net", &own) ||
	       stat("/proc/1/ns/net", &first) || own.st_ino == first.st_ino;
}

void check_boot(struct doctor *doctor, const char *root)
{
	enum level before = doctor->worst;
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s" HOSTCONF_PATH, root);
	if (!namespace_of_the_host(doctor->app)) {
		if (doctor->guard_count)
			finding(doctor, LEVEL_WARN, "boot", NULL,
				"whatever makes this network namespace has to restore its guards: e2ee.service does not");
		return;
	}
	if (!doctor->guard_count && access(path, F_OK))
		return;
	doctor->worst = LEVEL_OK;
	check_file(doctor, path);
	if (!restored_at_boot(root))
		finding(doctor, LEVEL_FAIL, "boot",
			"systemctl enable e2ee.service",
			"e2ee.service is not enabled, so nothing restores the guards when the host boots");
	if (doctor->worst == LEVEL_OK)
		finding(doctor, LEVEL_OK, "boot", NULL,
			"all %zu guards are restored when the host boots",
			doctor->guard_count);
	if (before > doctor->worst)
		doctor->worst = before;
}
