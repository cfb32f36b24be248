/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef TESTS_CHEAP_CRYPTO_H
#define TESTS_CHEAP_CRYPTO_H

#include <stdint.h>

/* What e2ee_random() gives from now on follows from this */
void cheap_seed(uint64_t seed);

#endif /* TESTS_CHEAP_CRYPTO_H */
