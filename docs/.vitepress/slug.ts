/** The id of a heading: small letters, spaces as hyphens, and of all else letters, digits, hyphens and underscores only. */
export function slugOf(heading: string): string {
  return heading
    .trim()
    .toLowerCase()
    .replace(/[^\p{L}\p{M}\p{N}\s_-]/gu, '')
    .replace(/\s/g, '-');
}
