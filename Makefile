# SPDX-License-Identifier: GPL-2.0
# End-to-end encryption of RTP media: module, userland and checks; see "make help".

DESTDIR ?=
PREFIX ?= /usr/local

KERNEL := $(shell uname -r)
HEADERS := $(wildcard /lib/modules/$(KERNEL)/build)
LAB := selftests/lab

all: $(if $(HEADERS),module,no-headers) userland

module:
	@$(LAB)/build-module host

no-headers:
	@echo "e2ee.ko is left out: no headers of the running kernel" \
		"(apt-get install linux-headers-$(KERNEL))"

userland:
	@$(MAKE) --no-print-directory -C userspace

# Without the kernel's System.map, modules_install leaves depmod to us
install: all
	$(if $(HEADERS),$(MAKE) -C $(HEADERS) M=$(CURDIR)/build/kmod/host \
		INSTALL_MOD_PATH=$(DESTDIR) modules_install)
	$(if $(HEADERS),$(if $(DESTDIR),,depmod $(KERNEL)))
	$(MAKE) -C userspace install DESTDIR=$(DESTDIR) PREFIX=$(PREFIX)

# It depends on the kernel whether modules_install uses updates/ or extra/
uninstall:
	rm -f $(DESTDIR)/lib/modules/$(KERNEL)/*/e2ee.ko*
	rm -f $(DESTDIR)/lib/modules/$(KERNEL)/*/e2ee_test.ko*
	rm -f $(DESTDIR)/lib/modules/$(KERNEL)/*/e2ee_bench.ko*
	$(if $(DESTDIR),,-depmod $(KERNEL))
	$(MAKE) -C userspace uninstall DESTDIR=$(DESTDIR) PREFIX=$(PREFIX)

demo:
	@$(LAB)/packages demo
	@selftests/demo/run

check:
	@$(LAB)/packages
	@$(LAB)/check-all lint host uml 6.1 count boot

check-matrix:
	@$(LAB)/packages
	@$(LAB)/check-all 6.12 newest

# Half an hour: boots with systemd, and their report
check-boot:
	@$(LAB)/packages
	@selftests/boot/check long

# Takes hours: the hardening tests in their long form, and their report
check-long:
	@$(LAB)/packages
	@selftests/hardening/check-long

bench bench-quick bench-host:
	@$(LAB)/packages bench
	@selftests/bench/$(if $(filter %host,$@),host,run) \
		$(if $(filter %quick,$@),-q)

# ACCEPT=1 makes what is counted the tree's figures
bench-count:
	@$(LAB)/packages bench
	@selftests/bench/count $(if $(ACCEPT),-a) 6.1 6.12 newest

TIME ?= 60
fuzz:
	@$(LAB)/packages
	@selftests/fuzz/run $(TIME)

# ONLY names mutants, or folders of them
mutants:
	@$(LAB)/packages
	@selftests/mutants/run $(ONLY)

lint:
	@$(LAB)/packages
	@$(LAB)/check-all lint

packages:
	@$(LAB)/packages

clean:
	rm -rf build

help:
	@echo 'make               builds userland, and the module if kernel headers are installed'
	@echo 'make install       installs both; DESTDIR=, PREFIX=$(PREFIX)'
	@echo 'make uninstall     removes both'
	@echo 'make demo          shows a call over a relay, in clear and protected'
	@echo 'make check         runs lint, unit tests, a debug kernel, Linux 6.1 in QEMU, and'
	@echo '                   checks that a packet costs no more instructions than before;'
	@echo '                   and one boot with systemd'
	@echo 'make check-matrix  runs Linux 6.12 and the newest in QEMU'
	@echo 'make check-boot    boots twenty times with systemd: is the first packet sealed?'
	@echo 'make check-long    runs the hardening tests for hours, and writes their report'
	@echo 'make bench         measures what a packet costs, in a kernel of the lab'
	@echo 'make bench-quick   the same in 2 minutes'
	@echo 'make bench-host    measures on the running kernel, with whole programs, too (root)'
	@echo 'make bench-count   counts instructions a packet on Linux 6.1, 6.12 and the newest,'
	@echo '                   the same on every machine; ACCEPT=1 keeps the figures in the tree'
	@echo 'make fuzz TIME=60  runs each fuzzer for 60 seconds; runs add up'
	@echo 'make mutants       breaks each promise and expects a test to notice; ONLY=NAME'
	@echo 'make lint          runs style and static checks only'
	@echo 'make packages      installs the packages that all this needs (Debian 12, as root)'
	@echo 'make clean         removes build/; kernels stay in $${E2EE_CACHE:-~/.cache/e2ee}'
	@echo
	@echo 'One kernel, one test:  selftests/lab/check uml NAME'
	@echo 'A command in a kernel: selftests/lab/run 6.1 COMMAND'

.PHONY: all module no-headers userland install uninstall demo check \
	check-matrix check-boot check-long bench bench-quick bench-host bench-count fuzz \
	mutants lint packages clean help
