{{- /*
The pod template of a component (footfall.component, with .root). What only this component's pod has is in .podExtras: env (by
name), initContainer (name, args, component), volumeMounts, volumes, podSecurityContext, restartPolicy.
The labels hold no version: a Job's template can never be changed, and other pods need not restart for a new chart version.
*/ -}}
{{- define "footfall.pod" -}}
{{- $root := .root -}}
{{- $extras := .podExtras | default dict -}}
metadata:
  labels:
    {{- toYaml (merge (include "footfall.selectorLabels" . | fromYaml) .values.podLabels $root.Values.podLabels) | nindent 4 }}
  {{- with merge (deepCopy .values.podAnnotations) $root.Values.podAnnotations (include "footfall.contractAnnotations" . | fromYaml) }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  serviceAccountName: {{ include "footfall.serviceAccountName" . }}
  automountServiceAccountToken: false
  enableServiceLinks: false
  {{- with $extras.restartPolicy }}
  restartPolicy: {{ . }}
  {{- end }}
  terminationGracePeriodSeconds: {{ .values.terminationGracePeriodSeconds }}
  securityContext:
    {{- toYaml (merge (deepCopy .values.podSecurityContext) ($extras.podSecurityContext | default dict)) | nindent 4 }}
  {{- include "footfall.scheduling" . | trim | nindent 2 }}
  {{- if or .values.extraInitContainers $extras.initContainer }}
  initContainers:
    {{- with .values.extraInitContainers }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
    {{- with $extras.initContainer }}
    - name: {{ .name }}
      {{- include "footfall.containerBase" .component | nindent 6 }}
      args: {{ toJson .args }}
      {{- include "footfall.volumeMounts" .component | nindent 6 }}
    {{- end }}
  {{- end }}
  containers:
    - name: {{ .name }}
      {{- include "footfall.containerBase" (set (omit . "podExtras") "env" $extras.env) | nindent 6 }}
      args: {{ toJson .args }}
      {{- if .portName }}
      ports:
        - name: {{ .portName }}
          containerPort: 8080
      {{- include "footfall.probes" . | trim | nindent 6 }}
      {{- end }}
      {{- if .values.preStopSeconds }}
      lifecycle:
        preStop:
          sleep:
            seconds: {{ .values.preStopSeconds }}
      {{- end }}
      {{- include "footfall.volumeMounts" . | nindent 6 }}
    {{- with .values.extraContainers }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  volumes:
    {{- include "footfall.volumes" . | nindent 4 }}
{{- end -}}

{{- /* The fields that all containers of a component share. */ -}}
{{- define "footfall.containerBase" -}}
image: {{ include "footfall.image" . | quote }}
imagePullPolicy: {{ .root.Values.image.pullPolicy }}
env:
  {{- include "footfall.env" . | trim | nindent 2 }}
{{- with .values.extraEnvFrom }}
envFrom:
  {{- toYaml . | nindent 2 }}
{{- end }}
resources:
  {{- toYaml .values.resources | nindent 2 }}
securityContext:
  {{- toYaml .values.securityContext | nindent 2 }}
{{- end -}}

{{- define "footfall.scheduling" -}}
{{- with .root.Values.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- with .values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- range $field := list "nodeSelector" "tolerations" "affinity" }}
{{- with get $.values $field }}
{{ $field }}:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}
topologySpreadConstraints:
  {{- if .values.topologySpreadConstraints }}
  {{- toYaml .values.topologySpreadConstraints | nindent 2 }}
  {{- else }}
  {{- range $key := list "topology.kubernetes.io/zone" "kubernetes.io/hostname" }}
  - maxSkew: 1
    topologyKey: {{ $key }}
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels:
        {{- include "footfall.selectorLabels" $ | nindent 8 }}
  {{- end }}
  {{- end }}
{{- end -}}

{{- /* Started and alive: the process answers. Ready: it can do its work. Only readiness depends on Kafka or Postgres. */ -}}
{{- define "footfall.probes" -}}
{{- range $probe, $path := dict "startupProbe" "/healthz" "readinessProbe" "/readyz" "livenessProbe" "/healthz" }}
{{ $probe }}:
  httpGet:
    path: {{ $path }}
    port: {{ $.portName }}
  {{- toYaml (get $.values $probe) | nindent 2 }}
{{- end }}
{{- end -}}

{{- /* The root file system is read-only; /tmp is the only writable folder. */ -}}
{{- define "footfall.volumeMounts" -}}
volumeMounts:
  - name: tmp
    mountPath: /tmp
  {{- range (include "footfall.certificateFiles" . | fromYaml).files }}
  - name: {{ .name }}
    mountPath: /etc/footfall/{{ .name }}
    readOnly: true
  {{- end }}
  {{- if and (ne .name "test") (include "footfall.contractVolume" .root) }}
  - name: contract
    mountPath: /etc/footfall/contract
    readOnly: true
  {{- end }}
  {{- with (.podExtras | default dict).volumeMounts }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
  {{- with .values.extraVolumeMounts }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end -}}

{{- define "footfall.volumes" -}}
- name: tmp
  emptyDir:
    sizeLimit: 64Mi
{{- range (include "footfall.certificateFiles" . | fromYaml).files }}
- name: {{ .name }}
  secret:
    secretName: {{ .secret }}
    items:
      {{- range $path, $key := .items }}
      - key: {{ $key }}
        path: {{ $path }}
      {{- end }}
{{- end }}
{{- if ne .name "test" }}
{{- with include "footfall.contractVolume" .root }}
- name: contract
  {{- . | nindent 2 }}
{{- end }}
{{- end }}
{{- with (.podExtras | default dict).volumes }}
{{ toYaml . }}
{{- end }}
{{- with .values.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- /* The certificates that a component needs, mounted from Secrets. */ -}}
{{- define "footfall.certificateFiles" -}}
{{- $values := .root.Values -}}
{{- $files := list -}}
{{- if and (has "kafka" .needs) (hasSuffix "SSL" $values.kafka.securityProtocol) -}}
{{- with include "footfall.kafkaCaSecret" .root -}}
{{- $files = append $files (dict "name" "kafka-ca" "secret" . "items" (dict "ca.crt" $values.kafka.tls.caKey)) -}}
{{- end -}}
{{- with include "footfall.kafkaCertificateSecret" . -}}
{{- $keys := ternary (dict "tls.crt" "user.crt" "tls.key" "user.key") (dict "tls.crt" $values.kafka.clientCertificate.certificateKey "tls.key" $values.kafka.clientCertificate.privateKeyKey) $values.strimzi.users.enabled -}}
{{- $files = append $files (dict "name" "kafka-client" "secret" . "items" $keys) -}}
{{- end -}}
{{- end -}}
{{- if has "postgres" .needs -}}
{{- with include "footfall.postgresCaSecret" .root -}}
{{- $files = append $files (dict "name" "postgres-ca" "secret" . "items" (dict "ca.crt" $values.postgres.tls.caKey)) -}}
{{- end -}}
{{- end -}}
{{- dict "files" $files | toYaml -}}
{{- end -}}
