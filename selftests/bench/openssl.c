// SPDX-License-Identifier: GPL-2.0
/*
 * An application that does SFrame itself with OpenSSL: one context a key and
 * direction for its whole life, in place, nothing allocated for a packet.
 */
#include <string.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "bench.h"

#define PACKET_MAX	2048
#define NONCE_LEN	12
#define FRONT_LEN	5	/* descriptor, config, KID, 2 bytes of CTR */

struct app {
	EVP_CIPHER_CTX *seal;
	EVP_CIPHER_CTX *open;
	uint8_t salt[NONCE_LEN];
	uint32_t ctr;		/* of the last packet sealed */
	uint32_t seen;		/* of the last one opened */
};

const char *openssl_version(void)
{
	return OpenSSL_version(OPENSSL_VERSION);
}

static void app_nonce(const struct app *app, uint32_t ctr,
		      uint8_t nonce[NONCE_LEN])
{
	memcpy(nonce, app->salt, NONCE_LEN);
	nonce[8] ^= (uint8_t)(ctr >> 24);
	nonce[9] ^= (uint8_t)(ctr >> 16);
	nonce[10] ^= (uint8_t)(ctr >> 8);
	nonce[11] ^= (uint8_t)ctr;
}

/* the payload stands where it stays; the RTP header is moved to before it */
static bool app_seal(struct app *app, uint8_t *packet, int size)
{
	uint8_t *payload = packet + BENCH_RTP_LEN + FRONT_LEN;
	uint8_t nonce[NONCE_LEN], *front = payload - FRONT_LEN;
	int len;

	app->ctr++;
	app_nonce(app, app->ctr, nonce);
	front[0] = 0xe0;
	front[1] = 0x99;
	front[2] = 42;
	front[3] = (uint8_t)(app->ctr >> 8);
	front[4] = (uint8_t)app->ctr;
	return EVP_EncryptInit_ex(app->seal, NULL, NULL, NULL, nonce) == 1 &&
	       EVP_EncryptUpdate(app->seal, NULL, &len, front + 1,
				 FRONT_LEN - 1) == 1 &&
	       EVP_EncryptUpdate(app->seal, payload, &len, payload, size) == 1 &&
	       EVP_EncryptFinal_ex(app->seal, payload + size, &len) == 1 &&
	       EVP_CIPHER_CTX_ctrl(app->seal, EVP_CTRL_AEAD_GET_TAG,
				   BENCH_TAG_LEN, payload + size) == 1;
}

static bool app_open(struct app *app, uint8_t *packet, int size)
{
	uint8_t *payload = packet + BENCH_RTP_LEN + FRONT_LEN;
	uint8_t nonce[NONCE_LEN], *front = payload - FRONT_LEN;
	uint16_t low = (uint16_t)(front[3] << 8 | front[4]);
	int len;

	app->seen += (uint32_t)(int16_t)(low - (uint16_t)app->seen);
	app_nonce(app, app->seen, nonce);
	return EVP_DecryptInit_ex(app->open, NULL, NULL, NULL, nonce) == 1 &&
	       EVP_DecryptUpdate(app->open, NULL, &len, front + 1,
				 FRONT_LEN - 1) == 1 &&
	       EVP_DecryptUpdate(app->open, payload, &len, payload, size) == 1 &&
	       EVP_CIPHER_CTX_ctrl(app->open, EVP_CTRL_AEAD_SET_TAG,
				   BENCH_TAG_LEN, payload + size) == 1 &&
	       EVP_DecryptFinal_ex(app->open, payload + size, &len) == 1;
}

static struct app *app_get(void)
{
	static const uint8_t key[] = "a benchmark has no secrets at all";
	static struct app app;

	if (app.seal)
		return &app;
	app.seal = EVP_CIPHER_CTX_new();
	app.open = EVP_CIPHER_CTX_new();
	if (!app.seal || !app.open ||
	    EVP_EncryptInit_ex(app.seal, EVP_aes_256_gcm(), NULL, key,
			       app.salt) != 1 ||
	    EVP_DecryptInit_ex(app.open, EVP_aes_256_gcm(), NULL, key,
			       app.salt) != 1)
		bench_die("OpenSSL has no AES-256-GCM");
	return &app;
}

/* The same for whole datagrams: length of what leaves, of the payload that came */
int openssl_seal(uint8_t *packet, int size)
{
	if (!app_seal(app_get(), packet, size))
		return -1;
	return BENCH_RTP_LEN + FRONT_LEN + size + BENCH_TAG_LEN;
}

int openssl_open(uint8_t *packet, int len)
{
	int size = len - BENCH_RTP_LEN - FRONT_LEN - BENCH_TAG_LEN;

	return size >= 0 && app_open(app_get(), packet, size) ? size : -1;
}

void openssl_cost(unsigned int size, unsigned int packets,
		  struct user_cost *cost)
{
	static uint8_t ring[USER_RING][PACKET_MAX];
	struct app *app = app_get();
	unsigned int i, done;
	uint64_t begin, middle;

	memset(cost, 0, sizeof(*cost));
	for (done = 0; done < packets; done += USER_RING) {
		begin = bench_cycles();
		for (i = 0; i < USER_RING; i++)
			if (!app_seal(app, ring[i], (int)size))
				bench_die("OpenSSL does not seal");
		middle = bench_cycles();
		for (i = 0; i < USER_RING; i++)
			if (!app_open(app, ring[i], (int)size))
				bench_die("OpenSSL does not open");
		cost->open += (double)(bench_cycles() - middle);
		cost->seal += (double)(middle - begin);
	}
	cost->seal /= done;
	cost->open /= done;
}
