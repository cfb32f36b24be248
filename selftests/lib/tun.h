/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A wire that ends in the test: what sockets send to 198.51.100.2 is read from
 * it, and what is written to it arrives at sockets of 198.51.100.1, in the
 * context of the writer.
 */
#ifndef E2EE_TEST_TUN_H
#define E2EE_TEST_TUN_H

#include <stddef.h>
#include <stdint.h>

#define TUN_LOCAL	"198.51.100.1"
#define TUN_REMOTE	"198.51.100.2"

/* A new interface of the caller's namespace, up; -errno */
int tun_open(void);

/* The same, but a struct virtio_net_hdr stands before each packet */
int tun_open_vnet(void);

/* The payload of the next UDP packet on the wire; -EAGAIN if there is none */
int tun_read(int tun, void *payload, size_t room);

/* A UDP packet from TUN_REMOTE; 0 or -errno */
int tun_write(int tun, uint16_t source, uint16_t dest, const void *payload,
	      size_t len);

/* The same in IP fragments of TUN_PIECE bytes: the stack hands it on in as many */
#define TUN_PIECE	1480
int tun_write_pieces(int tun, uint16_t source, uint16_t dest,
		     const void *payload, size_t len);

/*
 * The same through tun_open_vnet(), whole, as a virtual machine may get it from
 * its host: UDP fragmentation offload, pieces of TUN_PIECE bytes
 */
int tun_write_ufo(int tun, uint16_t source, uint16_t dest, const void *payload,
		  size_t len);

#endif /* E2EE_TEST_TUN_H */
