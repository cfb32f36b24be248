// SPDX-License-Identifier: GPL-2.0
/* Drivers of AES-GCM. */

/**
 * DOC: drivers
 *
 * The modules that make AES-GCM fast have aliases of CPUs, not of AES-GCM. Where
 * the kernel has a portable AES built in, the crypto API is content with that and
 * looks no further, so that whoever loads us before them, as insmod does, would get
 * the portable code for good. We ask for them by their names.
 *
 * To find a driver the crypto API may load modules, build the driver of parts,
 * and wait for its self-test: up to a minute, while others wait for whoever made
 * the request (net.c says why). So requests use only drivers that are there.
 * The default ones are looked for when the module is loaded. A driver that a
 * session names is looked for by a work item, and the request is told to ask
 * again meanwhile. Whatever was found is kept by a pair of transforms with a key
 * of zeros, as long as there is a session that uses it, so that what was built
 * does not have to be built again.
 *
 * A namespace looks for one driver at a time, and remembers the last one that it
 * looked for, so that the sender of the request can come back for the answer.
 */
#include <linux/bitops.h>
#include <linux/jiffies.h>
#include <linux/kmod.h>
#include <linux/module.h>
#include <linux/refcount.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/workqueue.h>
#include <linux/e2ee.h>
#include "aead.h"
#include "driver.h"
#include "memory.h"
#include "net.h"

/*
 * The modules that make AES-GCM fast on x86. modprobe loads them before this module;
 * insmod does not, so that this module asks for them, too.
 */
#define E2EE_DRIVER_AES		"aesni_intel"
#define E2EE_DRIVER_GHASH	"ghash_clmulni_intel"
MODULE_SOFTDEP("pre: " E2EE_DRIVER_AES " " E2EE_DRIVER_GHASH " gcm ctr");

/* how long an answer is kept for a request that does not come back for it */
#define E2EE_DRIVER_KEEP	HZ

/* bit of struct e2ee_driver.flags */
#define E2EE_DRIVER_LOADING	0

/**
 * struct e2ee_driver - a driver that sessions use, or that is being looked for
 * @ref: held by sessions, by the namespace that looks for it, by @work
 * @work: looks for it
 * @flags: E2EE_DRIVER_LOADING: @work is to run, and nobody else looks at @err,
 *	@stamp and @aead
 * @err: why the last look was in vain; 0
 * @told: somebody got the answer; under struct e2ee_net.lock
 * @stamp: jiffies of the answer
 * @aead: keeps it in the kernel
 * @name: as it was asked for; "": the best synchronous ones
 */
struct e2ee_driver {
	refcount_t ref;
	struct work_struct work;
	unsigned long flags;
	int err;
	bool told;
	unsigned long stamp;
	struct e2ee_aead aead;
	char name[E2EE_CRYPTO_NAME_MAX + 1];
};

static struct e2ee_driver *e2ee_driver_best;	/* "" */
static struct workqueue_struct *e2ee_driver_wq;

static void e2ee_driver_look(struct e2ee_driver *driver)
{
	static const u8 zero[E2EE_KEY_LEN_MAX];
	struct e2ee_aead aead;

	driver->err = e2ee_aead_init(&aead, zero, sizeof(zero), driver->name);
	if (!driver->err) {
		swap(driver->aead, aead);
		e2ee_aead_destroy(&aead);
	}
	driver->stamp = jiffies;
}

static void e2ee_driver_work(struct work_struct *work)
{
	struct e2ee_driver *driver = container_of(work, struct e2ee_driver,
						  work);

	e2ee_driver_look(driver);
	clear_bit_unlock(E2EE_DRIVER_LOADING, &driver->flags);
	e2ee_driver_put(driver);
}

static struct e2ee_driver *e2ee_driver_get(struct e2ee_driver *driver)
{
	refcount_inc(&driver->ref);
	return driver;
}

/**
 * e2ee_driver_put() - drop a reference
 * @driver: may be NULL
 *
 * Context: process, sleeps.
 */
void e2ee_driver_put(struct e2ee_driver *driver)
{
	if (!driver || !refcount_dec_and_test(&driver->ref))
		return;
	e2ee_aead_destroy(&driver->aead);
	kfree(driver);
}

static struct e2ee_driver *e2ee_driver_new(const char *name, gfp_t gfp)
{
	struct e2ee_driver *driver = kzalloc(sizeof(*driver), gfp);

	if (!driver)
		return NULL;
	refcount_set(&driver->ref, 1);
	INIT_WORK(&driver->work, e2ee_driver_work);
	strscpy(driver->name, name, sizeof(driver->name));
	return driver;
}

static bool e2ee_driver_is_loading(const struct e2ee_driver *driver)
{
	return test_bit_acquire(E2EE_DRIVER_LOADING, &driver->flags);
}

static void e2ee_driver_load(struct e2ee_driver *driver)
{
	if (test_and_set_bit(E2EE_DRIVER_LOADING, &driver->flags))
		return;
	e2ee_driver_get(driver);
	queue_work(e2ee_driver_wq, &driver->work);
}

/* May somebody still come back for the answer? */
static bool e2ee_driver_is_awaited(const struct e2ee_driver *driver)
{
	return e2ee_driver_is_loading(driver) ||
	       (!driver->told &&
		time_before(jiffies, driver->stamp + E2EE_DRIVER_KEEP));
}

/* -EAGAIN, or -ENOMEM */
static int e2ee_driver_begin(struct e2ee_net *enet, const char *name)
{
	struct e2ee_driver *driver;

	if (enet->driver && e2ee_driver_is_awaited(enet->driver))
		return -EAGAIN;
	driver = e2ee_driver_new(name, E2EE_GFP_REQUEST);
	if (!driver)
		return -ENOMEM;
	e2ee_driver_put(enet->driver);
	enet->driver = driver;
	e2ee_driver_load(driver);
	return -EAGAIN;
}

/* memory that is not at hand has words of its own: netlink.c */
static int e2ee_driver_refuse(struct e2ee_refusal *why, int attr, int err,
			      const char *words)
{
	if (!err || err == -ENOMEM)
		return err;
	return e2ee_refuse(why, attr, err, err == -EAGAIN ?
			   "crypto driver is being loaded: ask again" : words);
}

static int e2ee_driver_look_up(struct e2ee_net *enet, const char *name,
			       struct e2ee_driver **found)
{
	struct e2ee_driver *driver = enet->driver;
	int err;

	if (!driver || strcmp(driver->name, name))
		return e2ee_driver_begin(enet, name);
	if (e2ee_driver_is_loading(driver))
		return -EAGAIN;
	driver->told = true;
	err = driver->err;
	if (!err) {
		*found = e2ee_driver_get(driver);
		return 0;
	}
	enet->driver = NULL;	/* whoever asks once more looks once more */
	e2ee_driver_put(driver);
	return err;
}

/**
 * e2ee_driver_find() - a driver for a session
 * @enet: the namespace
 * @name: as e2ee_aead_init() takes it; "": the best synchronous ones
 * @found: the driver, with a reference
 * @why: told where it is refused
 *
 * Context: process, under struct e2ee_net.lock.
 * Return: 0; -EAGAIN: it is being looked for; -ENOMEM; else what e2ee_aead_init()
 * found.
 */
int e2ee_driver_find(struct e2ee_net *enet, const char *name,
		     struct e2ee_driver **found, struct e2ee_refusal *why)
{
	lockdep_assert_held(&enet->lock);
	if (!*name) {
		*found = e2ee_driver_get(e2ee_driver_best);
		return 0;
	}
	return e2ee_driver_refuse(why, E2EE_A_SESSION_CRYPTO,
				  e2ee_driver_look_up(enet, name, found),
				  "no such driver of AES-GCM");
}

static int e2ee_driver_key_ready(struct e2ee_driver *driver,
				 struct e2ee_aead *aead, const u8 *key,
				 unsigned int key_len)
{
	const char *name = "";
	int err, found;

	if (e2ee_driver_is_loading(driver))
		return -EAGAIN;
	/* a driver that was asked for by its parts has another name when built */
	if (*driver->name)
		name = e2ee_aead_driver(&driver->aead, false);
	err = e2ee_aead_init_ready(aead, key, key_len, name);
	if (err != -ENOENT)
		return err;
	found = xchg(&driver->err, 0);
	if (found)		/* it was looked for in vain */
		return found;
	e2ee_driver_load(driver);
	return -EAGAIN;
}

/**
 * e2ee_driver_key() - make the transforms of one key
 * @driver: of the key's session
 * @aead: to be filled
 * @key: AES key; the caller wipes it
 * @key_len: 16 or 32 bytes
 * @why: told where it is refused
 *
 * A driver that was found once may go away: where a better implementation of one
 * of its parts is loaded later, the crypto API gives up the old driver. Then the
 * driver is looked for anew.
 *
 * Context: process, under struct e2ee_net.lock.
 * Return: 0, -EAGAIN: the driver is being looked for; -EINVAL, -ENOENT, -ENOMEM.
 */
int e2ee_driver_key(struct e2ee_driver *driver, struct e2ee_aead *aead,
		    const u8 *key, unsigned int key_len,
		    struct e2ee_refusal *why)
{
	return e2ee_driver_refuse(why, 0,
				  e2ee_driver_key_ready(driver, aead, key,
							key_len),
				  "crypto driver is not available");
}

int e2ee_driver_init(void)
{
	int err;

	/* in vain where the CPU has none of it, or no modprobe is there yet */
	request_module(E2EE_DRIVER_AES);
	request_module(E2EE_DRIVER_GHASH);
	e2ee_driver_wq = alloc_workqueue("e2ee_driver", WQ_UNBOUND, 0);
	e2ee_driver_best = e2ee_driver_new("", GFP_KERNEL);
	err = -ENOMEM;
	if (e2ee_driver_wq && e2ee_driver_best) {
		e2ee_driver_look(e2ee_driver_best);
		err = e2ee_driver_best->err;
	}
	if (err)
		e2ee_driver_exit();
	return err;
}

/* no session is left, nor a namespace */
void e2ee_driver_exit(void)
{
	if (e2ee_driver_wq)
		destroy_workqueue(e2ee_driver_wq);
	e2ee_driver_put(e2ee_driver_best);
}
