// SPDX-License-Identifier: GPL-2.0
/*
 * "e2ee-late": an asynchronous driver of AES-GCM for tests, which answers at
 * once, with an error, from another thread, or only when it is told to, or has
 * no room but in its backlog.
 * debugfs e2ee_late: "mode" (enum late_mode), "held" (requests that wait),
 * "release" (write: answer them, 0 or with this errno), "later" (requests that
 * a work item answered), "backlogged" (those of them that were in the backlog).
 */
#include <linux/debugfs.h>
#include <linux/list.h>
#include <linux/module.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>
#include <crypto/internal/aead.h>

enum late_mode {
	LATE_NOW,	/* answers in the call */
	LATE_SOON,	/* from a work item */
	LATE_HOLD,	/* on "release" */
	LATE_EIO,	/* fails in the call */
	LATE_ENOMEM,
	LATE_BACKLOG,	/* full: -EBUSY, then -EINPROGRESS, then the answer */
};

struct late_tfm {
	struct crypto_aead *inner;
};

struct late_request {
	struct list_head node;
	struct work_struct work;
	struct aead_request *outer;
	bool seal;
	struct aead_request inner;	/* its context follows */
};

static struct dentry *late_dir;
static u32 late_mode;
static u32 late_held;
static atomic_t late_later = ATOMIC_INIT(0);
static atomic_t late_backlogged = ATOMIC_INIT(0);
static LIST_HEAD(late_list);
static DEFINE_SPINLOCK(late_lock);	/* late_list, late_held */

static int late_compute(struct late_request *request)
{
	return request->seal ? crypto_aead_encrypt(&request->inner) :
			       crypto_aead_decrypt(&request->inner);
}

static void late_answer(struct late_request *request, int err)
{
	if (!err)
		err = late_compute(request);
	local_bh_disable();
	aead_request_complete(request->outer, err);
	local_bh_enable();
}

static void late_work(struct work_struct *work)
{
	atomic_inc(&late_later);
	late_answer(container_of(work, struct late_request, work), 0);
}

/* it leaves the backlog, which whoever waits is told, and is worked on then */
static void late_backlog_work(struct work_struct *work)
{
	struct late_request *request = container_of(work, struct late_request,
						    work);

	atomic_inc(&late_backlogged);
	local_bh_disable();
	aead_request_complete(request->outer, -EINPROGRESS);
	local_bh_enable();
	late_work(work);
}

/* as crypto_enqueue_request() where the queue is full */
static int late_backlog(struct late_request *request)
{
	if (!(request->outer->base.flags & CRYPTO_TFM_REQ_MAY_BACKLOG))
		return -ENOSPC;
	INIT_WORK(&request->work, late_backlog_work);
	schedule_work(&request->work);
	return -EBUSY;
}

static void late_hold(struct late_request *request)
{
	spin_lock_bh(&late_lock);
	list_add_tail(&request->node, &late_list);
	late_held++;
	spin_unlock_bh(&late_lock);
}

static int late_take(struct aead_request *req, bool seal)
{
	struct late_tfm *tfm = crypto_aead_ctx(crypto_aead_reqtfm(req));
	struct late_request *request = aead_request_ctx(req);

	request->outer = req;
	request->seal = seal;
	aead_request_set_tfm(&request->inner, tfm->inner);
	aead_request_set_callback(&request->inner, 0, NULL, NULL);
	aead_request_set_ad(&request->inner, req->assoclen);
	aead_request_set_crypt(&request->inner, req->src, req->dst,
			       req->cryptlen, req->iv);
	switch (READ_ONCE(late_mode)) {
	case LATE_SOON:
		INIT_WORK(&request->work, late_work);
		schedule_work(&request->work);
		return -EINPROGRESS;
	case LATE_HOLD:
		late_hold(request);
		return -EINPROGRESS;
	case LATE_EIO:
		return -EIO;
	case LATE_ENOMEM:
		return -ENOMEM;
	case LATE_BACKLOG:
		return late_backlog(request);
	}
	return late_compute(request);
}

static int late_encrypt(struct aead_request *req)
{
	return late_take(req, true);
}

static int late_decrypt(struct aead_request *req)
{
	return late_take(req, false);
}

static int late_setkey(struct crypto_aead *aead, const u8 *key,
		       unsigned int len)
{
	struct late_tfm *tfm = crypto_aead_ctx(aead);

	return crypto_aead_setkey(tfm->inner, key, len);
}

static int late_setauthsize(struct crypto_aead *aead, unsigned int size)
{
	struct late_tfm *tfm = crypto_aead_ctx(aead);

	return crypto_aead_setauthsize(tfm->inner, size);
}

static int late_init_tfm(struct crypto_aead *aead)
{
	struct late_tfm *tfm = crypto_aead_ctx(aead);

	tfm->inner = crypto_alloc_aead("gcm(aes)", 0, CRYPTO_ALG_ASYNC);
	if (IS_ERR(tfm->inner))
		return PTR_ERR(tfm->inner);
	crypto_aead_set_reqsize(aead, sizeof(struct late_request) +
				crypto_aead_reqsize(tfm->inner));
	return 0;
}

static void late_exit_tfm(struct crypto_aead *aead)
{
	struct late_tfm *tfm = crypto_aead_ctx(aead);

	crypto_free_aead(tfm->inner);
}

static struct aead_alg late_alg = {
	.setkey = late_setkey,
	.setauthsize = late_setauthsize,
	.encrypt = late_encrypt,
	.decrypt = late_decrypt,
	.init = late_init_tfm,
	.exit = late_exit_tfm,
	.ivsize = 12,
	.maxauthsize = 16,
	.chunksize = 16,
	.base = {
		.cra_name = "gcm(aes)",
		.cra_driver_name = "e2ee-late",
		.cra_priority = 1,
		.cra_flags = CRYPTO_ALG_ASYNC,
		.cra_blocksize = 1,
		.cra_ctxsize = sizeof(struct late_tfm),
		.cra_module = THIS_MODULE,
	},
};

static int late_release(void *data, u64 err)
{
	struct late_request *request, *next;
	LIST_HEAD(list);

	spin_lock_bh(&late_lock);
	list_splice_init(&late_list, &list);
	late_held = 0;
	spin_unlock_bh(&late_lock);
	list_for_each_entry_safe(request, next, &list, node)
		late_answer(request, -(int)err);
	return 0;
}

DEFINE_DEBUGFS_ATTRIBUTE(late_release_fops, NULL, late_release, "%llu\n");

static int __init late_init(void)
{
	int err = crypto_register_aead(&late_alg);

	if (err)
		return err;
	late_dir = debugfs_create_dir("e2ee_late", NULL);
	debugfs_create_u32("mode", 0600, late_dir, &late_mode);
	debugfs_create_u32("held", 0400, late_dir, &late_held);
	debugfs_create_atomic_t("later", 0400, late_dir, &late_later);
	debugfs_create_atomic_t("backlogged", 0400, late_dir,
				&late_backlogged);
	debugfs_create_file("release", 0200, late_dir, NULL,
			    &late_release_fops);
	return 0;
}

static void __exit late_exit(void)
{
	debugfs_remove(late_dir);
	crypto_unregister_aead(&late_alg);
}

module_init(late_init);
module_exit(late_exit);

MODULE_DESCRIPTION("AES-GCM that answers when a test wants it to");
MODULE_LICENSE("GPL");
