{{- /* Names and labels. Selectors carry name, instance and component only: they can never be changed. */ -}}

{{- define "footfall.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 40 | trimSuffix "-" -}}
{{- end -}}

{{- /* At most 40 characters: the longest name made from it has to fit into 52, that of a CronJob. */ -}}
{{- define "footfall.fullname" -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- $whole := ternary .Release.Name (printf "%s-%s" .Release.Name $name) (contains $name .Release.Name) -}}
{{- default $whole .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- end -}}

{{- /*
The components, in the order of an event's way: the key of their values, the image, the module to run, what they need, what their
port serves and who reaches it (of the policies), their principal in footfall/contract/access.py.
*/ -}}
{{- define "footfall.components" -}}
collector: {key: collector, image: collector, run: [producer_api], needs: [kafka], serves: http, reached: [collector], principal: producer_api}
stream-app: {key: streamApp, image: stream-app, run: [stream_app], needs: [kafka], serves: probes, reached: [scraped], principal: stream_app}
sinks: {key: sinks, image: sinks, run: [sinks], needs: [kafka, postgres], serves: probes, reached: [scraped], principal: sinks}
dashboard: {key: dashboard, image: dashboard, run: [dashboard], needs: [kafka, postgres], serves: http, reached: [readers], principal: dashboard}
registry: {key: registry, image: registry, run: [registry], needs: [], serves: http, reached: [readers]}
topics: {key: topics, image: sinks, run: [footfall.jobs.topics], needs: [kafka], reached: [], principal: footfall}
migrations: {key: migrations, image: sinks, run: [sinks, migrate], needs: [postgres], reached: []}
maintenance: {key: maintenance, image: sinks, run: [sinks, maintain], needs: [postgres], reached: []}
test: {key: test, image: sinks, run: [footfall.jobs.smoke_test], needs: [postgres], reached: []}
{{- end -}}

{{- /* What the templates of a component work with: .root, .name, .is (its line above), .c (its values over those of `pod`). */ -}}
{{- define "footfall.scope" -}}
{{- $is := get (include "footfall.components" .root | fromYaml) .name -}}
{{- $c := mustMergeOverwrite (deepCopy .root.Values.pod) (deepCopy (get .root.Values $is.key)) -}}
{{- if and (eq .name "dashboard") (not $c.history.enabled) -}}
{{- $_ := set $is "needs" (list "kafka") -}}
{{- end -}}
{{- dict "name" .name "is" $is "c" $c "fullname" (printf "%s-%s" (include "footfall.fullname" .root) .name) | toYaml -}}
{{- end -}}

{{- define "footfall.selectorLabels" -}}
app.kubernetes.io/name: {{ include "footfall.name" .root | quote }}
app.kubernetes.io/instance: {{ .root.Release.Name | quote }}
app.kubernetes.io/component: {{ .name }}
{{- end -}}

{{- /* Labels of every object. */ -}}
{{- define "footfall.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{ include "footfall.selectorLabels" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
app.kubernetes.io/part-of: footfall
{{- end -}}

{{- define "footfall.serviceAccountName" -}}
{{- default (ternary .fullname "default" .c.serviceAccount.create) .c.serviceAccount.name -}}
{{- end -}}

{{- define "footfall.image" -}}
{{- $image := .root.Values.image -}}
{{- $registry := default $image.registry .root.Values.global.imageRegistry -}}
{{- $name := printf "%s-%s" $image.repository .is.image -}}
{{- $whole := ternary (printf "%s/%s" $registry $name) $name (ne (toString (default "" $registry)) "") -}}
{{- $digest := get $image.digests .is.image -}}
{{- $tag := default .root.Chart.AppVersion $image.tag -}}
{{- default (ternary (printf "%s@%s" $whole $digest) (printf "%s:%s" $whole $tag) (ne (toString $digest) "")) .c.image -}}
{{- end -}}

{{- /* Whether a component has pods: some text if so. */ -}}
{{- define "footfall.runs" -}}
{{- if eq .name "migrations" -}}
{{- eq .c.mode "job" | ternary "runs" "" -}}
{{- else if eq .name "test" -}}
{{- include "footfall.tested" .root -}}
{{- else -}}
{{- .c.enabled | ternary "runs" "" -}}
{{- end -}}
{{- end -}}

{{- /* An event can be followed to its row only where collector and sinks run. */ -}}
{{- define "footfall.tested" -}}
{{- and .Values.test.enabled .Values.collector.enabled .Values.sinks.enabled | ternary "tested" "" -}}
{{- end -}}
