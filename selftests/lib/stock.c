// SPDX-License-Identifier: GPL-2.0
#include "stock.h"

int stock_open(struct stock *stock)
{
	const struct ctl_guard guard = { .first = STOCK_PORT };
	const struct ctl_key tx = {
		.mode = E2EE_SSRC_NUMBER, .ssrc = STOCK_TX_KID,
	};
	struct scene *scene = &stock->scene;
	int err;

	sframe_key_random(&stock->tx, 5, STOCK_TX_KID);
	sframe_key_random(&stock->rx, 5, STOCK_RX_KID);
	err = scene_open(scene, SOCK_V4, NULL);
	if (!err)
		err = nl_open(&stock->nl);
	if (!err)
		err = scene_key(scene, E2EE_DIR_TX, &stock->tx, &tx);
	if (!err)
		err = scene_key(scene, E2EE_DIR_RX, &stock->rx, NULL);
	if (!err)
		err = ctl_socket_get(&scene->ctl, scene->fd, &stock->socket,
				     NULL);
	if (!err)
		err = ctl_guard_new(&scene->ctl, scene->session, &guard,
				    &stock->guard);
	if (!err)
		err = ctl_session_new(&scene->ctl, "other", NULL,
				      &stock->other);
	return err;
}

void stock_close(struct stock *stock)
{
	nl_close(&stock->nl);
	scene_close(&stock->scene);
}
