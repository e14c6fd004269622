/*
 * A libTencentSM that does wrong, for tests only: see README.md. It is the
 * stand-in under other names, with what HMACSIGN_FAULT names done to it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define version standin_version
#define SM3CtxSize standin_SM3CtxSize
#define SM3Init standin_SM3Init
#define SM3Update standin_SM3Update
#define SM3Final standin_SM3Final
#define SM3_HMAC standin_SM3_HMAC
#define SM3_HMAC_Init standin_SM3_HMAC_Init
#define SM3_HMAC_Update standin_SM3_HMAC_Update
#define SM3_HMAC_Final standin_SM3_HMAC_Final
#define initTencentSM standin_initTencentSM
#define initTencentSMWithCert standin_initTencentSMWithCert
#include "../standin/sm3.c"
#ifdef STANDIN_PRO
#include "../standin/init.c"
#endif
#undef version
#undef SM3CtxSize
#undef SM3Init
#undef SM3Update
#undef SM3Final
#undef SM3_HMAC
#undef SM3_HMAC_Init
#undef SM3_HMAC_Update
#undef SM3_HMAC_Final
#undef initTencentSM
#undef initTencentSMWithCert

/* The fault is "name" or "name:value", read once. */
static char fault[64];
static const char *value = "";
static long number;

__attribute__((constructor)) static void read_fault(void) {
  const char *s = getenv("HMACSIGN_FAULT");
  snprintf(fault, sizeof fault, "%s", s ? s : "");
  char *colon = strchr(fault, ':');
  if (!colon) return;
  *colon = 0;
  value = colon + 1;
  number = atol(value);
}

static int is(const char *name) { return !strcmp(fault, name); }

/* Whether the fault is this one, and this its call after the first number. */
static int struck(const char *name) {
  static long calls;
  return is(name) && __sync_add_and_fetch(&calls, 1) > number;
}

/* Whether a function that can tell so fails. */
static int fails(const char *function) { return struck(function) || struck("codes"); }

/* Writes an output as the fault says; the message has length bytes. */
static void store(unsigned char *output, const unsigned char *right, uint64_t length) {
  if (struck("unwritten")) return;
  size_t n = struck("half") ? 16 : 32;
  memcpy(output, right, n);
  if (struck("beyond")) output[32] ^= 1;
  if (struck("zeros")) memset(output, 0, 32);
  if ((is("wrong") && length >= (uint64_t)number) || struck("wrong-after")) output[31] ^= 1;
}

static void clear_key(const unsigned char *key, size_t len) {
  if (struck("clears-key")) memset((void *)(uintptr_t)key, 0, len);
}

#ifdef STANDIN_PRO
typedef int result;
#define NOTHING return 0
#define FAILED return -7
#define OK(call) \
  if (call) return -100
#else
typedef void result;
#define NOTHING return
#define FAILED return
#define OK(call) call
#endif

const char *version(void) {
  if (is("version-null")) return NULL;
  if (is("version")) return value;
#ifdef STANDIN_PRO
  return "standin faulty Pro_1.7.6";
#else
  return "standin faulty 1.7.3-2";
#endif
}

int SM3CtxSize(void) { return standin_SM3CtxSize() + (is("size") ? 8 : 0); }

result SM3Init(sm3_ctx_t *ctx) {
  if (fails("SM3Init")) FAILED;
  if (struck("idle")) NOTHING;
  OK(standin_SM3Init(ctx));
  if (struck("iv")) ctx->digest[7] ^= 1;
  NOTHING;
}

result SM3Update(sm3_ctx_t *ctx, const unsigned char *data, size_t len) {
  if (fails("SM3Update")) FAILED;
  if (struck("idle")) NOTHING;
  sm3_ctx_t before = *ctx;
  OK(standin_SM3Update(ctx, data, len));
  if (struck("stuck")) ctx->nblocks = before.nblocks, ctx->num = before.num;
  if (struck("uncompressed")) memcpy(ctx->digest, before.digest, sizeof before.digest);
  NOTHING;
}

result SM3Final(sm3_ctx_t *ctx, unsigned char *digest) {
  unsigned char right[32];
  uint64_t length = (uint64_t)ctx->nblocks * 64 + (uint64_t)ctx->num;
  if (fails("SM3Final")) FAILED;
  if (struck("idle")) NOTHING;
  OK(standin_SM3Final(ctx, right));
  store(digest, right, length);
  NOTHING;
}

int SM3_HMAC(const unsigned char *data, size_t data_len, const unsigned char *key, size_t key_len, unsigned char *mac) {
  unsigned char right[32];
  if (fails("SM3_HMAC")) return -7;
  int code = standin_SM3_HMAC(data, data_len, key, key_len, right);
  if (!code) store(mac, right, data_len);
  clear_key(key, key_len);
  return code;
}

TstHmacSm3Ctx *SM3_HMAC_Init(const unsigned char *key, size_t key_len) {
  if (fails("SM3_HMAC_Init")) return NULL;
  TstHmacSm3Ctx *ctx = standin_SM3_HMAC_Init(key, key_len);
  clear_key(key, key_len);
  return ctx;
}

int SM3_HMAC_Update(TstHmacSm3Ctx *ctx, const unsigned char *data, size_t len) {
  if (fails("SM3_HMAC_Update")) return -7;
  if (struck("deaf")) return 0;
  return standin_SM3_HMAC_Update(ctx, data, len);
}

int SM3_HMAC_Final(TstHmacSm3Ctx *ctx, unsigned char *mac) {
  unsigned char right[32];
  if (fails("SM3_HMAC_Final")) return -7;
  uint64_t length = (uint64_t)ctx->inner.nblocks * 64 + (uint64_t)ctx->inner.num - 64;
  int code = standin_SM3_HMAC_Final(ctx, right);
  if (is("wrong-stream") && length >= (uint64_t)number) right[0] ^= 1;
  if (!code) store(mac, right, length);
  return code;
}

#ifdef STANDIN_PRO
/* Slow or refused, and told on standard error each time. */
static int license(void) {
  if (!is("slow-license") && !is("refused-license")) return 0;
  fputs("faulty: license asked\n", stderr);
  usleep((useconds_t)number * 1000);
  return is("slow-license") ? 0 : -11;
}

int initTencentSM(const char *appid, const char *token) {
  int code = license();
  return code ? code : standin_initTencentSM(appid, token);
}

int initTencentSMWithCert(const char *appid, const char *bundleid, const char *cert) {
  int code = license();
  return code ? code : standin_initTencentSMWithCert(appid, bundleid, cert);
}
#endif
