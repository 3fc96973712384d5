import type { ReactNode } from 'react';

/** A table that may be wider than the window: the keyboard can scroll it too. */
export function Scroll({ label, children }: { label: string; children: ReactNode }) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable
    <section className="panel scroll" aria-label={`${label}, scrollable`} tabIndex={0}>
      {children}
    </section>
  );
}
