/* Prints the HMAC-SM3 of each line of standard input by OpenSSL's EVP_MAC, with one
   context that is kept: EVP_MAC_init without a key begins anew under the same one. */
#include <openssl/evp.h>
#include <openssl/params.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void fail(const char *what) {
	fprintf(stderr, "evp: %s\n", what);
	exit(1);
}

int main(int argc, char **argv) {
	long keylen;
	unsigned char *key = argc == 2 ? OPENSSL_hexstr2buf(argv[1], &keylen) : NULL;
	if (key == NULL)
		fail("give the key in hex");
	EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
	EVP_MAC_CTX *ctx = mac == NULL ? NULL : EVP_MAC_CTX_new(mac);
	OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string("digest", "SM3", 0), OSSL_PARAM_construct_end()};
	if (ctx == NULL || EVP_MAC_init(ctx, key, keylen, params) != 1)
		fail("no HMAC-SM3");

	char *line = NULL;
	size_t room = 0;
	ssize_t n;
	while ((n = getline(&line, &room, stdin)) >= 0) {
		unsigned char sum[32];
		char text[65];
		size_t size;
		if (n > 0 && line[n - 1] == '\n')
			n--;
		if (EVP_MAC_init(ctx, NULL, 0, NULL) != 1 || EVP_MAC_update(ctx, (unsigned char *)line, n) != 1 ||
		    EVP_MAC_final(ctx, sum, &size, sizeof sum) != 1)
			fail("no MAC");
		for (int i = 0; i < 32; i++) {
			text[2 * i] = "0123456789abcdef"[sum[i] >> 4];
			text[2 * i + 1] = "0123456789abcdef"[sum[i] & 15];
		}
		text[64] = '\n';
		if (fwrite(text, 1, sizeof text, stdout) != sizeof text)
			fail("cannot write");
	}
	if (ferror(stdin) || fflush(stdout) != 0)
		fail("cannot read or write");
	return 0;
}
