/** The static key of the peer that compares keys as PipeCD does, and of ours beside it. It opens nothing else. */
export const STATIC_KEY = 'k9f0r2yb1xq8w7e6t5u4i3o2p1a0s9d8f7g6h5j4k3l2z1x0';

/** Its bcrypt hash at the cost that PipeCD takes, 10. */
export const STATIC_KEY_HASH = '$2b$10$jPocknXSi2HRcBMqu0H0ZeVN.DZJr0JQktDgdsLdSIQVuKTB.Dj02';

export const STATIC_AUTHORIZATION = `Bearer shop,edge-1,${STATIC_KEY}`;
