{{- /*
The pod template of a component. Besides the scope (_names.tpl) it takes .root and what else the component needs as .more:
env (variables), init (its init container: name, args, scope), mounts, podSecurityContext, restartPolicy.
Labels here carry no version: a Job's template can never be changed, and the pods of others need not restart for it.
*/ -}}
{{- define "footfall.pod" -}}
{{- $root := .root -}}
{{- $more := .more | default dict -}}
{{- $env := dict "root" $root "name" .name "is" .is "c" .c "env" $more.env -}}
metadata:
  labels:
    {{- toYaml (merge (include "footfall.selectorLabels" . | fromYaml) .c.podLabels $root.Values.podLabels) | nindent 4 }}
  {{- with merge (deepCopy .c.podAnnotations) $root.Values.podAnnotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  serviceAccountName: {{ include "footfall.serviceAccountName" . }}
  automountServiceAccountToken: false
  enableServiceLinks: false
  {{- with $more.restartPolicy }}
  restartPolicy: {{ . }}
  {{- end }}
  terminationGracePeriodSeconds: {{ .c.terminationGracePeriodSeconds }}
  securityContext:
    {{- toYaml (merge (deepCopy .c.podSecurityContext) ($more.podSecurityContext | default dict)) | nindent 4 }}
  {{- include "footfall.placement" . | trim | nindent 2 }}
  {{- if or .c.extraInitContainers $more.init }}
  initContainers:
    {{- with .c.extraInitContainers }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
    {{- with $more.init }}
    - name: {{ .name }}
      {{- include "footfall.program" .scope | nindent 6 }}
      args: {{ toJson .args }}
      {{- include "footfall.mounts" .scope | nindent 6 }}
    {{- end }}
  {{- end }}
  containers:
    - name: {{ .name }}
      {{- include "footfall.program" $env | nindent 6 }}
      args: {{ toJson .is.run }}
      {{- if .is.serves }}
      ports:
        - name: {{ .is.serves }}
          containerPort: 8080
      {{- include "footfall.probes" . | trim | nindent 6 }}
      {{- end }}
      {{- if .c.preStopSeconds }}
      lifecycle:
        preStop:
          sleep:
            seconds: {{ .c.preStopSeconds }}
      {{- end }}
      {{- include "footfall.mounts" . | nindent 6 }}
    {{- with .c.extraContainers }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  volumes:
    {{- include "footfall.volumes" . | nindent 4 }}
{{- end -}}

{{- /* What all containers of a component have in common. */ -}}
{{- define "footfall.program" -}}
image: {{ include "footfall.image" . | quote }}
imagePullPolicy: {{ .root.Values.image.pullPolicy }}
env:
  {{- include "footfall.env" . | trim | nindent 2 }}
resources:
  {{- toYaml .c.resources | nindent 2 }}
securityContext:
  {{- toYaml .c.securityContext | nindent 2 }}
{{- end -}}

{{- define "footfall.placement" -}}
{{- with .root.Values.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- with .c.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- range $field := list "nodeSelector" "tolerations" "affinity" }}
{{- with get $.c $field }}
{{ $field }}:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}
topologySpreadConstraints:
  {{- if .c.topologySpreadConstraints }}
  {{- toYaml .c.topologySpreadConstraints | nindent 2 }}
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

{{- /* Started and alive: the process answers. Ready: it can do its work. Only readiness looks at Kafka or Postgres. */ -}}
{{- define "footfall.probes" -}}
{{- range $probe, $path := dict "startupProbe" "/healthz" "readinessProbe" "/readyz" "livenessProbe" "/healthz" }}
{{ $probe }}:
  httpGet:
    path: {{ $path }}
    port: {{ $.is.serves }}
  {{- toYaml (get $.c $probe) | nindent 2 }}
{{- end }}
{{- end -}}

{{- /* The root of the image is read-only; /tmp is the one place to write to. */ -}}
{{- define "footfall.mounts" -}}
volumeMounts:
  - name: tmp
    mountPath: /tmp
  {{- range (include "footfall.files" . | fromYaml).files }}
  - name: {{ .name }}
    mountPath: /etc/footfall/{{ .name }}
    readOnly: true
  {{- end }}
  {{- with (.more | default dict).mounts }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
  {{- with .c.extraVolumeMounts }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end -}}

{{- define "footfall.volumes" -}}
- name: tmp
  emptyDir:
    sizeLimit: 64Mi
{{- range (include "footfall.files" . | fromYaml).files }}
- name: {{ .name }}
  secret:
    secretName: {{ .secret }}
    items:
      {{- range $path, $key := .items }}
      - key: {{ $key }}
        path: {{ $path }}
      {{- end }}
{{- end }}
{{- with .c.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- /* Files from Secrets: certificates. */ -}}
{{- define "footfall.files" -}}
{{- $values := .root.Values -}}
{{- $files := list -}}
{{- if and (has "kafka" .is.needs) (hasSuffix "SSL" $values.kafka.securityProtocol) -}}
{{- with include "footfall.kafkaCa" .root -}}
{{- $files = append $files (dict "name" "kafka-ca" "secret" . "items" (dict "ca.crt" $values.kafka.tls.caKey)) -}}
{{- end -}}
{{- with include "footfall.kafkaCertificate" . -}}
{{- $keys := ternary (dict "tls.crt" "user.crt" "tls.key" "user.key") (dict "tls.crt" $values.kafka.clientCertificate.certificateKey "tls.key" $values.kafka.clientCertificate.keyKey) $values.strimzi.users.enabled -}}
{{- $files = append $files (dict "name" "kafka-client" "secret" . "items" $keys) -}}
{{- end -}}
{{- end -}}
{{- if has "postgres" .is.needs -}}
{{- with include "footfall.postgresCa" .root -}}
{{- $files = append $files (dict "name" "postgres-ca" "secret" . "items" (dict "ca.crt" $values.postgres.tls.caKey)) -}}
{{- end -}}
{{- end -}}
{{- dict "files" $files | toYaml -}}
{{- end -}}
