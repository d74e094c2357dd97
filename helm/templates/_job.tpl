{{- /*
A Job that is part of the release and no Helm hook: hooks run before or after everything else, so that --wait, Argo CD and Flux
would wait for each other for ever. A Job can never be changed, hence its name: the hash of what it would run. An unrelated
value leaves it alone, a new image makes a new one. Argo CD takes it as a hook of its own, or it would miss the Job that its
time to live has removed.
*/ -}}
{{- define "footfall.job" -}}
{{- $spec := include "footfall.jobSpec" . -}}
apiVersion: batch/v1
kind: Job
metadata:
  name: {{ .fullname }}-{{ $spec | sha256sum | trunc 8 }}
  labels:
    {{- include "footfall.labels" . | nindent 4 }}
  annotations:
    argocd.argoproj.io/hook: Sync
    argocd.argoproj.io/hook-delete-policy: BeforeHookCreation
    helm.toolkit.fluxcd.io/driftDetection: disabled
    {{- with .c.annotations }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
spec:
  {{- $spec | nindent 2 }}
{{- end -}}

{{- define "footfall.jobSpec" -}}
backoffLimit: {{ .c.backoffLimit }}
activeDeadlineSeconds: {{ .c.activeDeadlineSeconds }}
ttlSecondsAfterFinished: {{ .c.ttlSecondsAfterFinished }}
template:
  {{- include "footfall.pod" . | nindent 2 }}
{{- end -}}
