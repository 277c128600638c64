const longestTimeoutMs = 2 ** 31 - 1;

/** Acts when a sign-in has run out. */
export const onSignInExpiry = (expiresAt: Date, act: () => void): NodeJS.Timeout =>
  setTimeout(act, Math.min(Math.max(expiresAt.getTime() - Date.now(), 0), longestTimeoutMs));
