/*
 * What hmacsign uses of libTencentSM's interface, and nothing else: the facts
 * of <tencentsm/sm.h>, written down anew. "make check-tencentsm-header" compares
 * it with the library's own header where that is installed.
 */
#ifndef HMACSIGN_TENCENTSM_MIN_H
#define HMACSIGN_TENCENTSM_MIN_H

#include <stddef.h>
#include <stdint.h>

#ifndef HMACSIGN_SYSTEM_TYPES
typedef struct {
  uint32_t digest[8];
  int nblocks; /* 32 bits: a stream past 2^31 blocks, 128 GiB, would wrap */
  unsigned char block[64];
  int num;
} sm3_ctx_t;

typedef struct stHmacSm3Ctx TstHmacSm3Ctx;
#endif

const char *version(void);

/* These return nothing in the Lite edition and int in the Pro edition, 0 for
 * success. One build serves both: package sm3cgo calls them through pointers of
 * the type that the edition has, and declares them for their addresses only. */
#ifndef HMACSIGN_SM3_RESULT
#define HMACSIGN_SM3_RESULT void
#endif
HMACSIGN_SM3_RESULT SM3Init(sm3_ctx_t *ctx);
HMACSIGN_SM3_RESULT SM3Update(sm3_ctx_t *ctx, const unsigned char *data, size_t data_len);
HMACSIGN_SM3_RESULT SM3Final(sm3_ctx_t *ctx, unsigned char *digest);
int SM3CtxSize(void);

/* 0 is success. NULL data or key is an error even with length 0. */
int SM3_HMAC(const unsigned char *data, size_t data_len, const unsigned char *key, size_t key_len, unsigned char *mac);

TstHmacSm3Ctx *SM3_HMAC_Init(const unsigned char *key, size_t key_len); /* NULL on failure */
int SM3_HMAC_Update(TstHmacSm3Ctx *ctx, const unsigned char *data, size_t data_len);
int SM3_HMAC_Final(TstHmacSm3Ctx *ctx, unsigned char *mac); /* frees ctx */

/* Pro only, and there before any other call but version. 0 is success, and
 * calling again is allowed. Weak: the Lite edition lacks them. */
#ifndef HMACSIGN_WEAK
#define HMACSIGN_WEAK __attribute__((weak))
#endif
HMACSIGN_WEAK int initTencentSM(const char *appid, const char *token);
HMACSIGN_WEAK int initTencentSMWithCert(const char *appid, const char *bundleid, const char *cert);

#endif
