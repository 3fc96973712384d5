import type { ControlPlaneClient } from '@spanpass/control-plane/client';
import { isProblem } from '../admin/connect.ts';
import type { DemoAdmin } from './demo.ts';

/** The demo's piped outlives a run; its keys must not, not even those of a run that was killed. */
export function demoAdmin(admin: ControlPlaneClient): DemoAdmin {
  return {
    async enrollmentToken(project, piped) {
      try {
        const registered = await admin.registerPiped({ project, piped });
        return registered.enrollmentToken;
      } catch (error) {
        if (!isProblem(error, 'piped_exists')) throw error;
      }
      await admin.enablePiped({ project, piped });
      for (const key of await admin.listKeys({ project, piped })) {
        if (key.keyStatus === 'active') await admin.revokeKey(key.kid, { force: true });
      }
      const { enrollmentToken } = await admin.createEnrollmentToken({ project, piped });
      return enrollmentToken;
    },
    async revoke(kid) {
      await admin.revokeKey(kid, { force: true });
    },
  };
}
