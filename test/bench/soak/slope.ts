/** Of the straight line that lies closest to the samples (least squares), in KiB a minute. */
export function slopePerMinute(samples: readonly { readonly atSeconds: number; readonly rssKib: number }[]): number {
  const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const at = mean(samples.map(({ atSeconds }) => atSeconds));
  const rss = mean(samples.map(({ rssKib }) => rssKib));
  let above = 0;
  let below = 0;
  for (const { atSeconds, rssKib } of samples) {
    above += (atSeconds - at) * (rssKib - rss);
    below += (atSeconds - at) ** 2;
  }
  return below === 0 ? 0 : (above / below) * 60;
}
