// SPDX-License-Identifier: GPL-2.0
/*
 * Looks for bytes in all of the machine's memory, whoever has it or had it.
 * debugfs e2ee_seek/needle: write SEEK_LEN bytes, each XOR SEEK_MASK, so that
 * asking does not leave what is asked for; read how often they were found, at
 * addresses that are multiples of four.
 * debugfs e2ee_seek/plant: write up to PLANT_LEN bytes, masked like that; they are
 * left, plain, in an object of the slab and in a page that are freed unwiped. Where
 * these are not found, what a careless kfree() leaves would not be, either.
 */
#include <linux/debugfs.h>
#include <linux/fs.h>
#include <linux/gfp.h>
#include <linux/kasan.h>
#include <linux/mm.h>
#include <linux/mmzone.h>
#include <linux/module.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#define SEEK_LEN	12
#define MASK_BYTE	0x5a
#define SEEK_MASK	(MASK_BYTE * 0x01010101U)
#define PLANT_LEN	64
#define PLANT_ROOM	512	/* of the object */
#define PLANT_AT	128	/* clear of what the slab itself writes there */

static struct dentry *seek_dir;

/* freed memory, too: it is what we are looking for */
static bool __no_sanitize_address seek_at(const u32 *at, const u32 *masked)
{
	int i;

	for (i = 0; i < SEEK_LEN / 4; i++)
		if ((READ_ONCE(at[i]) ^ SEEK_MASK) != masked[i])
			return false;
	return true;
}

static u32 __no_sanitize_address seek_page(const u32 *page, const u32 *masked)
{
	const u32 *end = page + (PAGE_SIZE - SEEK_LEN) / 4;
	u32 found = 0;

	for (; page <= end; page++)
		if (seek_at(page, masked))
			found++;
	return found;
}

static u32 seek_all(const u32 *masked)
{
	unsigned long pfn = NODE_DATA(0)->node_start_pfn;
	unsigned long end = pfn + NODE_DATA(0)->node_spanned_pages;
	u32 found = 0, probe;
	u32 *page;

	/* a page may begin between two objects: the probe is no access to them */
	kasan_disable_current();
	for (; pfn < end; pfn++) {
		page = __va(PFN_PHYS(pfn));
		/* not all that the kernel counts as memory is mapped */
		if (pfn_valid(pfn) && !get_kernel_nofault(probe, page))
			found += seek_page(page, masked);
		cond_resched();
	}
	kasan_enable_current();
	return found;
}

static int seek_open(struct inode *inode, struct file *file)
{
	file->private_data = NULL;
	return nonseekable_open(inode, file);
}

static ssize_t seek_write(struct file *file, const char __user *from,
			  size_t len, loff_t *pos)
{
	u32 masked[SEEK_LEN / 4];

	if (len != sizeof(masked) || copy_from_user(masked, from, len))
		return -EINVAL;
	file->private_data = (void *)(unsigned long)seek_all(masked);
	return len;
}

static ssize_t seek_read(struct file *file, char __user *to, size_t len,
			 loff_t *pos)
{
	loff_t start = 0;	/* each read is of the last write */
	char text[16];
	int n = scnprintf(text, sizeof(text), "%lu\n",
			  (unsigned long)file->private_data);

	return simple_read_from_buffer(to, len, &start, text, n);
}

static const struct file_operations seek_fops = {
	.owner = THIS_MODULE,
	.open = seek_open,
	.write = seek_write,
	.read = seek_read,
};

static void seek_unmask(u8 *to, const u8 *masked, size_t len)
{
	while (len--)
		WRITE_ONCE(*to++, *masked++ ^ MASK_BYTE);
}

static ssize_t seek_plant(struct file *file, const char __user *from,
			  size_t len, loff_t *pos)
{
	u8 masked[PLANT_LEN];
	u8 *object, *page;
	ssize_t ret = -ENOMEM;

	if (len > sizeof(masked) || copy_from_user(masked, from, len))
		return -EINVAL;
	object = kmalloc(PLANT_ROOM, GFP_KERNEL);
	page = (u8 *)__get_free_page(GFP_KERNEL);
	if (object && page) {
		seek_unmask(object + PLANT_AT, masked, len);
		seek_unmask(page + PLANT_AT, masked, len);
		ret = len;
	}
	free_page((unsigned long)page);
	kfree(object);
	return ret;
}

static const struct file_operations seek_plant_fops = {
	.owner = THIS_MODULE,
	.open = nonseekable_open,
	.write = seek_plant,
};

static int __init seek_init(void)
{
	seek_dir = debugfs_create_dir("e2ee_seek", NULL);
	debugfs_create_file("needle", 0600, seek_dir, NULL, &seek_fops);
	debugfs_create_file("plant", 0200, seek_dir, NULL, &seek_plant_fops);
	return 0;
}

static void __exit seek_exit(void)
{
	debugfs_remove(seek_dir);
}

module_init(seek_init);
module_exit(seek_exit);

MODULE_DESCRIPTION("Looks for bytes in all of the memory");
MODULE_LICENSE("GPL");
