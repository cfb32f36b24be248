// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * TLS towards the broker: whom to believe, as whom to come.
 *
 * libmosquitto gets a finished context: so OpenSSL itself checks the name, and
 * says what is wrong with a certificate.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "mqtt.h"

int mqtt_file_check(const char *option, const char *path, bool secret,
		    char *error)
{
	struct stat stat;
	int fd;

	/* Nobody may write to a FIFO, and waiting would stop everything */
	fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &stat)) {
		int err = errno;

		if (fd >= 0)
			close(fd);
		return transport_error(error, -err, "%s %s: %s%s", option, path,
				       strerror(err), err == EACCES ?
				       ": the user that e2eed runs as has to be able to read it" :
				       "");
	}
	close(fd);
	if (!S_ISREG(stat.st_mode))
		return transport_error(error, -EINVAL,
				       "%s %s is not a regular file", option, path);
	if (secret && stat.st_mode & (S_IROTH | S_IWOTH))
		return transport_error(error, -EACCES,
				       "%s %s: everybody may read it: chmod o= %s",
				       option, path, path);
	return 0;
}

/* Keeps what is wrong with the broker's certificate, for the error's text */
static int verified(int good, X509_STORE_CTX *store)
{
	SSL *ssl = X509_STORE_CTX_get_ex_data(store,
				SSL_get_ex_data_X509_STORE_CTX_idx());
	struct mqtt_failure *failure =
		SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));

	if (!good)
		failure->verify = X509_STORE_CTX_get_error(store);
	return good;
}

/* A daemon has nobody to ask for the password of a key */
static int no_password(char *buffer, int size, int writing, void *arg)
{
	(void)buffer;
	(void)size;
	(void)writing;
	(void)arg;
	return 0;
}

static int refused(char *error, const char *option, const char *path,
		   const char *what)
{
	const char *reason = ERR_reason_error_string(ERR_peek_error());

	ERR_clear_error();
	return transport_error(error, -EINVAL, "%s %s: %s (%s)", option, path,
			       what, reason ? reason : "no reason given");
}

static int trust_set(SSL_CTX *tls, const struct mqtt_target *target,
		     char *error)
{
	X509_VERIFY_PARAM *param = SSL_CTX_get0_param(tls);
	const char *host = target->url.host;
	unsigned char address[sizeof(struct in6_addr)];
	bool is_address;
	int ret;

	is_address = inet_pton(AF_INET, host, address) == 1 ||
		     inet_pton(AF_INET6, host, address) == 1;
	X509_VERIFY_PARAM_set_hostflags(param,
					X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	if (is_address ? !X509_VERIFY_PARAM_set1_ip_asc(param, host) :
	    !X509_VERIFY_PARAM_set1_host(param, host, 0))
		return transport_error(error, -ENOMEM, "out of memory");
	SSL_CTX_set_verify(tls, SSL_VERIFY_PEER, verified);
	if (!target->cafile) {
		SSL_CTX_set_default_verify_paths(tls);
		return 0;
	}
	ret = mqtt_file_check("--cafile", target->cafile, false, error);
	if (!ret && SSL_CTX_load_verify_file(tls, target->cafile) != 1)
		ret = refused(error, "--cafile", target->cafile,
			      "it holds no CA certificates in PEM");
	return ret;
}

static int own_set(SSL_CTX *tls, const struct mqtt_target *target, char *error)
{
	int ret;

	if (!target->cert && !target->key)
		return 0;
	if (!target->cert || !target->key)
		return transport_error(error, -EINVAL,
				       "--cert and --key are only useful together: give both");
	ret = mqtt_file_check("--cert", target->cert, false, error);
	if (!ret)
		ret = mqtt_file_check("--key", target->key, true, error);
	if (ret)
		return ret;
	SSL_CTX_set_default_passwd_cb(tls, no_password);
	if (SSL_CTX_use_certificate_chain_file(tls, target->cert) != 1)
		return refused(error, "--cert", target->cert,
			       "it holds no certificate in PEM");
	if (SSL_CTX_use_PrivateKey_file(tls, target->key, SSL_FILETYPE_PEM) != 1)
		return refused(error, "--key", target->key,
			       "it holds no key for this certificate in PEM, or one with a password");
	return 0;
}

SSL_CTX *mqtt_tls_new(const struct mqtt_target *target,
		      struct mqtt_failure *failure, char *error)
{
	SSL_CTX *tls = SSL_CTX_new(TLS_client_method());

	if (!tls || !SSL_CTX_set_min_proto_version(tls, TLS1_2_VERSION)) {
		transport_error(error, -ENOMEM, "out of memory");
		goto free;
	}
	SSL_CTX_set_app_data(tls, failure);
	if (trust_set(tls, target, error) || own_set(tls, target, error))
		goto free;
	return tls;

free:
	SSL_CTX_free(tls);
	return NULL;
}
