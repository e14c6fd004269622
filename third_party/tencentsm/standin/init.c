/* The stand-in's Pro edition, for tests only: see README.md. */
#ifdef STANDIN_PRO
#include <string.h>

#define HMACSIGN_WEAK
#define HMACSIGN_SM3_RESULT int
#include "tencentsm_min.h"

int standin_initialised;

int initTencentSM(const char *appid, const char *token) {
  if (!appid || !token || strcmp(appid, "standin") || strcmp(token, "standin-token")) return -11;
  standin_initialised = 1;
  return 0;
}

int initTencentSMWithCert(const char *appid, const char *bundleid, const char *cert) {
  if (!appid || !cert || strcmp(appid, "standin") || strncmp(cert, "standin-cert", 12)) return -12;
  if (bundleid && strcmp(bundleid, "standin.bundle")) return -13;
  standin_initialised = 1;
  return 0;
}
#endif
