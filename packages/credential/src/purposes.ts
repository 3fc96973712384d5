/**
 * What a credential is for. Each purpose has a `typ` of its own, so that a pass seen at one door opens no other
 * (RFC 8725 section 3.11), and a longest life.
 */
export const PURPOSES = Object.freeze({
  gateway: Object.freeze({ typ: 'piped+jwt', defaultLifeSeconds: 300, maxLifeSeconds: 900, bindsBody: false }),
  renewal: Object.freeze({ typ: 'piped-renew+jwt', defaultLifeSeconds: 60, maxLifeSeconds: 60, bindsBody: true }),
  tokenExchange: Object.freeze({
    typ: 'client-authentication+jwt',
    defaultLifeSeconds: 60,
    maxLifeSeconds: 60,
    bindsBody: false,
  }),
});

export type Purpose = keyof typeof PURPOSES;

/** The gateway's id, the `aud` of credentials for it. */
export const DEFAULT_GATEWAY_AUDIENCE = 'spanpass-gateway';

/** How far two clocks may disagree, in seconds, in either direction. */
export const CLOCK_SKEW_SECONDS = 60;
