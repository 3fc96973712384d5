import { createTheme, Modal, Notification, Tooltip } from '@mantine/core';

/** Inside a landmark, which is where a screen reader looks for content. */
const IN_MAIN = { target: '#main' };

/**
 * The policy that the console is served with lets no `<style>` in, so everything that would make one is turned off, and
 * what it would say is in the style sheets.
 */
export const theme = createTheme({
  primaryShade: 8,
  respectReducedMotion: true,
  cursorType: 'pointer',
  components: {
    Modal: Modal.extend({
      defaultProps: { lockScroll: false, centered: true, transitionProps: { duration: 0 }, portalProps: IN_MAIN },
    }),
    Notification: Notification.extend({ defaultProps: { closeButtonProps: { 'aria-label': 'Dismiss' } } }),
    Tooltip: Tooltip.extend({
      defaultProps: { events: { hover: true, focus: true, touch: true }, multiline: true, portalProps: IN_MAIN },
    }),
  },
});
