// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Rooms on a machine that is in trouble: disk full, out of memory.
 */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "room/scenario.h"

static char folder[32], aside[64], path[64];

/* Its key packages' number has to be stored first, and cannot be */
static void disk_full(bool full)
{
	if (rename(full ? folder : aside, full ? aside : folder))
		abort();
}

/* carol hears of a call, but has no key package; then she is alone */
static void test_disk_full(void)
{
	struct node *nodes = scene_open_still(270, 3), *carol = &nodes[2];

	node_start(&nodes[0]);
	node_start(&nodes[1]);
	ok(scene_together(30 * SECOND), "disk full: a room of two");
	e2ee_identity_free(carol->identity);
	if (e2ee_identity_create(path, NULL) ||
	    e2ee_identity_load(path, &carol->identity, NULL))
		abort();
	carol->config.identity = carol->identity;
	disk_full(true);
	node_start(carol);
	world_run(&world, 30 * SECOND);
	ok(node_alarmed(carol, "no new key package") && !carol->room->last,
	   "disk full: carol has no key package, and says so");
	node_kill(&nodes[0]);
	node_kill(&nodes[1]);
	world_run(&world, 120 * SECOND);
	ok(carol->room->state == E2EE_ROOM_JOIN,
	   "disk full: nor does she begin a call");
	disk_full(false);
	world_run(&world, 20 * SECOND);
	ok(carol->room->state == E2EE_ROOM_OWNER,
	   "disk full: she does when there is space again");
	scene_end("disk full");
}

int main(int argc, char **argv)
{
	int ret;

	strcpy(folder, "/tmp/room-fault-XXXXXX");
	if (!mkdtemp(folder))
		abort();
	snprintf(path, sizeof(path), "%s/identity", folder);
	snprintf(aside, sizeof(aside), "%s.full", folder);
	test_disk_full();
	ret = scene_finish(argc, argv);
	unlink(path);
	strcat(path, ".seq");
	unlink(path);
	strcat(path, ".lock");
	unlink(path);
	rmdir(folder);
	return ret;
}
