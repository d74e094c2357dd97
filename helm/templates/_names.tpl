{{- /* Names and labels. Selectors hold name, instance and component only, because a selector can never be changed. */ -}}

{{- define "footfall.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 40 | trimSuffix "-" -}}
{{- end -}}

{{- /* At most 40 characters: the longest name made from it must fit into the 52 characters of a CronJob's name. */ -}}
{{- define "footfall.fullname" -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- $full := ternary .Release.Name (printf "%s-%s" .Release.Name $name) (contains $name .Release.Name) -}}
{{- default $full .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- end -}}

{{- /*
The components, in the order in which an event passes them:
  valuesKey  their key in values.yaml
  imageName  the image, without the repository's prefix
  args       the module to run
  needs      the systems they connect to
  portName   the name of their port: http is a service of its own, probes serves health and metrics only
  principal  their Kafka principal in footfall/contract/access.py
*/ -}}
{{- define "footfall.components" -}}
collector: {valuesKey: collector, imageName: collector, args: [producer_api], needs: [kafka], portName: http, principal: producer_api}
stream-app: {valuesKey: streamApp, imageName: stream-app, args: [stream_app], needs: [kafka], portName: probes, principal: stream_app}
sinks: {valuesKey: sinks, imageName: sinks, args: [sinks], needs: [kafka, postgres], portName: probes, principal: sinks}
dashboard: {valuesKey: dashboard, imageName: dashboard, args: [dashboard], needs: [kafka, postgres], portName: http, principal: dashboard}
registry: {valuesKey: registry, imageName: registry, args: [registry], needs: [], portName: http}
topics: {valuesKey: topics, imageName: sinks, args: [footfall.jobs.topics], needs: [kafka], principal: footfall}
migrations: {valuesKey: migrations, imageName: sinks, args: [sinks, migrate], needs: [postgres]}
maintenance: {valuesKey: maintenance, imageName: sinks, args: [sinks, maintain], needs: [postgres]}
test: {valuesKey: test, imageName: sinks, args: [footfall.jobs.smoke_test], needs: [postgres]}
{{- end -}}

{{- /*
What the templates of a component work with: its line above, plus .name, .fullname and .values (its values merged over those of
`pod`). The caller sets .root, which cannot pass through YAML.
*/ -}}
{{- define "footfall.component" -}}
{{- $component := get (include "footfall.components" .root | fromYaml) .name -}}
{{- $values := mustMergeOverwrite (deepCopy .root.Values.pod) (deepCopy (get .root.Values $component.valuesKey)) -}}
{{- if and (eq .name "dashboard") (not $values.history.enabled) -}}
{{- $_ := set $component "needs" (list "kafka") -}}
{{- end -}}
{{- $fullname := printf "%s-%s" (include "footfall.fullname" .root) .name -}}
{{- merge (dict "name" .name "fullname" $fullname "values" $values) $component | toYaml -}}
{{- end -}}

{{- define "footfall.selectorLabels" -}}
app.kubernetes.io/name: {{ include "footfall.name" .root | quote }}
app.kubernetes.io/instance: {{ .root.Release.Name | quote }}
app.kubernetes.io/component: {{ .name }}
{{- end -}}

{{- /* Labels of every object; the chart's own win. */ -}}
{{- define "footfall.labels" -}}
{{- toYaml (merge (include "footfall.ownLabels" . | fromYaml) .root.Values.commonLabels) -}}
{{- end -}}

{{- define "footfall.ownLabels" -}}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{ include "footfall.selectorLabels" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
app.kubernetes.io/part-of: footfall
{{- end -}}

{{- define "footfall.serviceAccountName" -}}
{{- default (ternary .fullname "default" .values.serviceAccount.create) .values.serviceAccount.name -}}
{{- end -}}

{{- define "footfall.image" -}}
{{- $image := .root.Values.image -}}
{{- $registry := default $image.registry .root.Values.global.imageRegistry -}}
{{- $repository := printf "%s-%s" $image.repository .imageName -}}
{{- $name := ternary (printf "%s/%s" $registry $repository) $repository (ne (toString (default "" $registry)) "") -}}
{{- $digest := get $image.digests .imageName -}}
{{- $tag := default .root.Chart.AppVersion $image.tag -}}
{{- default (ternary (printf "%s@%s" $name $digest) (printf "%s:%s" $name $tag) (ne (toString $digest) "")) .values.image -}}
{{- end -}}

{{- /* Whether a component has pods of its own: not empty if so. */ -}}
{{- define "footfall.hasPods" -}}
{{- if eq .name "migrations" -}}
{{- eq .values.mode "job" | ternary "true" "" -}}
{{- else if eq .name "test" -}}
{{- include "footfall.testEnabled" .root -}}
{{- else -}}
{{- .values.enabled | ternary "true" "" -}}
{{- end -}}
{{- end -}}

{{- /* The smoke test follows an event from the collector to its row, so it needs collector and sinks. Not empty if it is on. */ -}}
{{- define "footfall.testEnabled" -}}
{{- and .Values.test.enabled .Values.collector.enabled .Values.sinks.enabled | ternary "true" "" -}}
{{- end -}}
