/* What package sm3cgo calls of libTencentSM: see boundary.c. */
#include <stddef.h>
#include <stdint.h>

#include "tencentsm_min.h"

#pragma GCC visibility push(hidden) /* for this program alone */

/* A function of the library, and the file that the loader took it from. */
typedef struct {
  const char *name;
  void *address;    /* NULL: the library does not have it */
  void *base;       /* where that file begins in memory; NULL: the loader does not know */
  const char *file;
} sm3cgo_function;

enum {
  SM3CGO_VERSION, SM3CGO_CTX_SIZE, SM3CGO_INIT, SM3CGO_UPDATE, SM3CGO_FINAL, SM3CGO_MAC, SM3CGO_MAC_INIT, SM3CGO_MAC_UPDATE, SM3CGO_MAC_FINAL,
  SM3CGO_LICENSE_TOKEN, SM3CGO_LICENSE_CERT, SM3CGO_FUNCTIONS
};
extern sm3cgo_function sm3cgo_functions[SM3CGO_FUNCTIONS];

/* What came of a call. */
enum { SM3CGO_DONE, SM3CGO_REFUSED, SM3CGO_CONTEXT, SM3CGO_UNWRITTEN, SM3CGO_BEYOND, SM3CGO_NO_MEMORY, SM3CGO_ZEROS };
typedef struct {
  int fault, code; /* code is the library's, with SM3CGO_REFUSED */
} sm3cgo_outcome;

void *sm3cgo_resolve(const unsigned char *poison);
int sm3cgo_version(char *text, int room);
int sm3cgo_ctx_size(void);
int sm3cgo_license_token(const char *appid, const char *token);
int sm3cgo_license_cert(const char *appid, const char *bundleid, const char *cert);
sm3cgo_outcome sm3cgo_begin(int pro);

sm3cgo_outcome sm3cgo_init(sm3_ctx_t *ctx);
sm3cgo_outcome sm3cgo_update(sm3_ctx_t *ctx, const unsigned char *data, size_t len);
sm3cgo_outcome sm3cgo_final(sm3_ctx_t *ctx, unsigned char *digest);
sm3cgo_outcome sm3cgo_mac(const unsigned char *data, size_t len, const unsigned char *key, size_t key_len, unsigned char *mac);
TstHmacSm3Ctx *sm3cgo_mac_init(const unsigned char *key, size_t key_len);
sm3cgo_outcome sm3cgo_mac_update(TstHmacSm3Ctx *ctx, const unsigned char *data, size_t len);
sm3cgo_outcome sm3cgo_mac_final(TstHmacSm3Ctx *ctx, unsigned char *mac);

#pragma GCC visibility pop
