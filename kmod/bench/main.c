// SPDX-License-Identifier: GPL-2.0
/* e2ee_bench: what a packet costs, measured inside the kernel. */

/**
 * DOC: jobs
 *
 * Each job is a line that is written to "job" in debugfs::
 *
 *	udp tx= rx= [pairs=] [ssrc=] [ssrcs=] size= [burst=] packets= [gap=]
 *	    [sealed=1] [keep=1] [replay=1] [together=] [samples=] [driver=]
 *		send and receive over sockets of the caller; with a driver, seal
 *		and open a packet aside for each
 *	aead driver= size= packets=
 *		seal and open with the crypto API alone
 *	tfms driver= packets=
 *		hold so many keyed transforms, until the next such job
 */
#include <linux/debugfs.h>
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>
#include "bench.h"

#define E2EE_BENCH_LINE_MAX	512

struct e2ee_bench_kind {
	const char *name;
	int (*run)(struct e2ee_bench *bench);
};

static const struct e2ee_bench_kind e2ee_bench_kinds[] = {
	{ "udp", e2ee_bench_udp },
	{ "aead", e2ee_bench_cipher },
	{ "tfms", e2ee_bench_tfms },
};

struct e2ee_bench_field {
	const char *name;
	size_t offset;
};

#define E2EE_BENCH_FIELD(name) \
	{ #name, offsetof(struct e2ee_bench_job, name) }

static const struct e2ee_bench_field e2ee_bench_fields[] = {
	E2EE_BENCH_FIELD(tx),
	E2EE_BENCH_FIELD(rx),
	E2EE_BENCH_FIELD(pairs),
	E2EE_BENCH_FIELD(ssrc),
	E2EE_BENCH_FIELD(ssrcs),
	E2EE_BENCH_FIELD(size),
	E2EE_BENCH_FIELD(burst),
	E2EE_BENCH_FIELD(packets),
	E2EE_BENCH_FIELD(gap),
	E2EE_BENCH_FIELD(sealed),
	E2EE_BENCH_FIELD(keep),
	E2EE_BENCH_FIELD(replay),
	E2EE_BENCH_FIELD(together),
	E2EE_BENCH_FIELD(samples),
};

static struct dentry *e2ee_bench_dir;

static int e2ee_bench_set(struct e2ee_bench_job *job, const char *name,
			  const char *value)
{
	const struct e2ee_bench_field *field;
	int i;

	if (!strcmp(name, "driver"))
		return strscpy(job->driver, value, sizeof(job->driver)) < 0 ?
		       -EINVAL : 0;
	for (i = 0; i < ARRAY_SIZE(e2ee_bench_fields); i++) {
		field = &e2ee_bench_fields[i];
		if (!strcmp(name, field->name))
			return kstrtou32(value, 0,
					 (u32 *)((char *)job + field->offset));
	}
	return -EINVAL;
}

static int e2ee_bench_parse(struct e2ee_bench_job *job, char *line)
{
	char *word, *value;
	int err;

	while ((word = strsep(&line, "\n "))) {
		if (!*word)
			continue;
		value = strchr(word, '=');
		if (!value)
			return -EINVAL;
		*value++ = '\0';
		err = e2ee_bench_set(job, word, value);
		if (err)
			return err;
	}
	return 0;
}

static void e2ee_bench_job_reset(struct e2ee_bench_job *job)
{
	kvfree(job->sample);
	memset(job, 0, sizeof(*job));
	job->pairs = 1;
	job->ssrcs = 1;
	job->burst = 1;
	job->together = 1;
}

static int e2ee_bench_run(struct e2ee_bench *bench, char *line)
{
	char *kind = strsep(&line, "\n ");
	int err, i;

	e2ee_bench_job_reset(&bench->job);
	err = e2ee_bench_parse(&bench->job, line);
	if (err)
		return err;
	for (i = 0; i < ARRAY_SIZE(e2ee_bench_kinds); i++)
		if (!strcmp(kind, e2ee_bench_kinds[i].name))
			return e2ee_bench_kinds[i].run(bench);
	return -EINVAL;
}

static int e2ee_bench_show(struct seq_file *seq, void *unused)
{
	struct e2ee_bench *bench = seq->private;
	struct e2ee_bench_job *job = &bench->job;
	u32 i;

	seq_printf(seq, "%u %llu %llu %llu\n", job->packets, job->ns,
		   job->cycles, job->bad);
	for (i = 0; i < job->sample_num; i++)
		seq_printf(seq, "%u%c", job->sample[i],
			   i + 1 < job->sample_num ? ' ' : '\n');
	return 0;
}

static ssize_t e2ee_bench_write(struct file *file, const char __user *from,
				size_t len, loff_t *pos)
{
	struct seq_file *seq = file->private_data;
	char *line;
	int err;

	if (len >= E2EE_BENCH_LINE_MAX)
		return -EINVAL;
	line = memdup_user_nul(from, len);
	if (IS_ERR(line))
		return PTR_ERR(line);
	mutex_lock(&seq->lock);	/* one job of an opener at a time */
	err = e2ee_bench_run(seq->private, line);
	mutex_unlock(&seq->lock);
	kfree(line);
	return err ?: len;
}

static int e2ee_bench_open(struct inode *inode, struct file *file)
{
	struct e2ee_bench *bench;
	int err;

	bench = kzalloc(sizeof(*bench), GFP_KERNEL);
	if (!bench)
		return -ENOMEM;
	err = single_open(file, e2ee_bench_show, bench);
	if (err)
		kfree(bench);
	return err;
}

static int e2ee_bench_release(struct inode *inode, struct file *file)
{
	struct seq_file *seq = file->private_data;
	struct e2ee_bench *bench = seq->private;

	e2ee_bench_tfms_free(bench);
	e2ee_bench_store_free(bench->store);
	kvfree(bench->job.sample);
	kfree(bench);
	return single_release(inode, file);
}

static const struct file_operations e2ee_bench_fops = {
	.owner		= THIS_MODULE,
	.open		= e2ee_bench_open,
	.read		= seq_read,
	.write		= e2ee_bench_write,
	.llseek		= seq_lseek,
	.release	= e2ee_bench_release,
};

static int __init e2ee_bench_init(void)
{
	e2ee_bench_dir = debugfs_create_dir("e2ee_bench", NULL);
	debugfs_create_file("job", 0600, e2ee_bench_dir, NULL,
			    &e2ee_bench_fops);
	return 0;
}

static void __exit e2ee_bench_exit(void)
{
	debugfs_remove_recursive(e2ee_bench_dir);
}

module_init(e2ee_bench_init);
module_exit(e2ee_bench_exit);

MODULE_DESCRIPTION("Benchmark of e2ee");
MODULE_LICENSE("GPL");
