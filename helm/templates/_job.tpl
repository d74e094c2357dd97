{{- /*
A Job that belongs to the release and is not a Helm hook: hooks run before or after everything else, so the hook and the pods
that need its work would wait for each other forever under --wait, Argo CD and Flux. A Job can never be changed, so its name ends
with the hash of its spec: an unrelated value leaves the Job alone, a new image makes a new one. For Argo CD it is a hook of its
own kind; otherwise Argo CD would report a Job that its time to live removed as missing.
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
    {{- with .values.annotations }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
spec:
  {{- $spec | nindent 2 }}
{{- end -}}

{{- define "footfall.jobSpec" -}}
backoffLimit: {{ .values.backoffLimit }}
activeDeadlineSeconds: {{ .values.activeDeadlineSeconds }}
ttlSecondsAfterFinished: {{ .values.ttlSecondsAfterFinished }}
template:
  {{- include "footfall.pod" . | nindent 2 }}
{{- end -}}
