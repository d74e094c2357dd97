{{- define "footfall.collectorKind" -}}
{{- ternary "StatefulSet" "Deployment" .Values.collector.spool.enabled -}}
{{- end -}}

{{- /* Four fifths of a disk size such as 5Gi, in bytes: the rest is for the file system itself. */ -}}
{{- define "footfall.spoolMaxBytes" -}}
{{- $units := dict "Mi" 1048576 "Gi" 1073741824 "Ti" 1099511627776 -}}
{{- $number := regexFind "^[0-9]+" . | int64 -}}
{{- div (mul $number (get $units (regexFind "[MGT]i$" .) | int64) 4) 5 -}}
{{- end -}}
