import { Modal, Stack, Text } from '@mantine/core';
import { useMutation } from '@tanstack/react-query';
import { useEffect } from 'react';
import { post } from '../api/call.ts';
import { useAbout } from '../api/queries.ts';
import type { EnrollmentToken, Piped } from '../api/types.ts';
import { Enrollment } from '../register/enrollment.tsx';
import { Confirm } from '../shell/confirm.tsx';

/** One more enrollment token, for a piped that lost its key or that nobody enrolled in time. */
export function NewToken({ piped: { project, piped, keys }, onClose }: { piped: Piped; onClose: () => void }) {
  const issue = useMutation({
    mutationFn: () => post<EnrollmentToken>(`/v1/projects/${project}/pipeds/${piped}/enrollment-tokens`),
  });
  const about = useAbout();
  const { data: token, reset } = issue;
  useEffect(() => reset, [reset]);
  if (token === undefined) {
    return (
      <Confirm
        title={`Let ${piped} enroll a key?`}
        action="Make a token"
        isPending={issue.isPending}
        error={issue.error}
        onConfirm={() => issue.mutate()}
        onClose={onClose}
      >
        <Text size="sm">
          Whoever has the token can enroll one key in the name of this piped: give it to nobody else. It is shown once.
          The keys that the piped has stay good{keys >= 2 ? '; it has two, and one must be revoked first' : ''}.
        </Text>
      </Confirm>
    );
  }
  return (
    <Modal opened onClose={onClose} size="lg" title={`Enroll ${piped}`} closeButtonProps={{ 'aria-label': 'Close' }}>
      <Stack>
        <Enrollment project={project} piped={piped} token={token} controlPlane={about.data?.publicUrl ?? ''} />
      </Stack>
    </Modal>
  );
}
