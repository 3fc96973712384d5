{{- define "spanpass.fullname" -}}
{{- if contains .Chart.Name .Release.Name }}{{ .Release.Name | trunc 40 | trimSuffix "-" }}{{ else }}{{ printf "%s-%s" .Release.Name .Chart.Name | trunc 40 | trimSuffix "-" }}{{ end }}
{{- end }}

{{- define "spanpass.controlPlane" -}}{{ include "spanpass.fullname" . }}-control-plane{{- end }}
{{- define "spanpass.server" -}}{{ include "spanpass.fullname" . }}-server{{- end }}
{{- define "spanpass.gateway" -}}{{ include "spanpass.fullname" . }}-gateway{{- end }}

{{/* Takes (list root component). */}}
{{- define "spanpass.selector" -}}
app.kubernetes.io/name: spanpass
app.kubernetes.io/instance: {{ (index . 0).Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end }}

{{- define "spanpass.labels" -}}
{{ include "spanpass.selector" . }}
app.kubernetes.io/version: {{ (index . 0).Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ (index . 0).Release.Service }}
helm.sh/chart: {{ (index . 0).Chart.Name }}-{{ (index . 0).Chart.Version }}
{{- end }}

{{- define "spanpass.image" -}}
{{- with .Values.image }}{{ .repository }}{{ if .digest }}@{{ .digest }}{{ else }}:{{ .tag | default $.Chart.AppVersion }}{{ end }}{{ end }}
{{- end }}

{{/* Takes (list root component values): the name of the secret with its certificate. */}}
{{- define "spanpass.tlsSecret" -}}
{{- $root := index . 0 -}}
{{- $values := index . 2 -}}
{{- if $values.tls.existingSecret }}{{ $values.tls.existingSecret }}
{{- else if $root.Values.certManager.enabled }}{{ include "spanpass.fullname" $root }}-{{ index . 1 }}-tls
{{- else }}{{ fail (printf "%s.tls.existingSecret, or certManager.enabled, is needed" (index . 3)) }}
{{- end }}
{{- end }}

{{/* Takes (list path values): an environment variable's value, from a key of an existing secret. */}}
{{- define "spanpass.fromSecret" -}}
{{- $values := index . 1 -}}
valueFrom:
  secretKeyRef:
    name: {{ required (printf "%s.existingSecret is needed" (index . 0)) $values.existingSecret }}
    key: {{ $values.key }}
{{- end }}

{{/* Nothing of these runs as root, writes to its image, or gains what it was not given. */}}
{{- define "spanpass.podSecurity" -}}
securityContext:
  runAsNonRoot: true
  runAsUser: 65532
  runAsGroup: 65532
  fsGroup: 65532
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile: { type: RuntimeDefault }
automountServiceAccountToken: false
# A service's variables would be taken for settings: a service called spanpass makes SPANPASS_PORT.
enableServiceLinks: false
{{- end }}

{{- define "spanpass.containerSecurity" -}}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: { drop: [ALL] }
{{- end }}

{{/* Takes (list root component): one replica per node and zone, as far as there are enough. */}}
{{- define "spanpass.spread" -}}
topologySpreadConstraints:
{{- range $key := list "kubernetes.io/hostname" "topology.kubernetes.io/zone" }}
  - maxSkew: 1
    topologyKey: {{ $key }}
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels:
        {{- include "spanpass.selector" $ | nindent 8 }}
{{- end }}
{{- end }}

{{/* Takes a component's values. */}}
{{- define "spanpass.placement" -}}
{{- with .nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* Takes (list root component values). */}}
{{- define "spanpass.disruptionBudget" -}}
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  name: {{ include "spanpass.fullname" (index . 0) }}-{{ index . 1 }}
  labels:
    {{- include "spanpass.labels" . | nindent 4 }}
spec:
  {{- toYaml (index . 2).disruptionBudget | nindent 2 }}
  # A pod that is not ready serves nobody: it must not keep a node from being drained.
  unhealthyPodEvictionPolicy: AlwaysAllow
  selector:
    matchLabels:
      {{- include "spanpass.selector" . | nindent 6 }}
{{- end }}

{{- define "spanpass.serviceAccount" -}}
apiVersion: v1
kind: ServiceAccount
metadata:
  name: {{ include "spanpass.fullname" (index . 0) }}-{{ index . 1 }}
  labels:
    {{- include "spanpass.labels" . | nindent 4 }}
automountServiceAccountToken: false
{{- end }}

{{- define "spanpass.dns" -}}
- to: [{ namespaceSelector: {}, podSelector: { matchLabels: { k8s-app: kube-dns } } }]
  ports: [{ port: 53, protocol: UDP }, { port: 53, protocol: TCP }]
{{- end }}
