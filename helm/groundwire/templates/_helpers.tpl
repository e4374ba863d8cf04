{{- define "groundwire.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 50 | trimSuffix "-" -}}
{{- else if contains .Chart.Name .Release.Name -}}
{{- .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name .Chart.Name | trunc 50 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "groundwire.selector" -}}
app.kubernetes.io/name: groundwire
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{/* Metadata of an object: (dict "root" $ "name" NAME "component" COMPONENT "labels" EXTRA "annotations" EXTRA). */}}
{{- define "groundwire.metadata" -}}
{{- $root := .root -}}
name: {{ .name }}
namespace: {{ $root.Release.Namespace }}
labels:
  {{- include "groundwire.selector" $root | nindent 2 }}
  app.kubernetes.io/component: {{ .component }}
  app.kubernetes.io/part-of: groundwire
  app.kubernetes.io/version: {{ $root.Chart.AppVersion | quote }}
  app.kubernetes.io/managed-by: {{ $root.Release.Service }}
  helm.sh/chart: {{ printf "%s-%s" $root.Chart.Name $root.Chart.Version | replace "+" "_" }}
  {{- with merge (dict) (.labels | default dict) $root.Values.commonLabels }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- with merge (dict) (.annotations | default dict) $root.Values.commonAnnotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* The label of every pod that carries this release's Groundwire. Monitors and policies select by it. */}}
{{- define "groundwire.podLabels" -}}
groundwire/release: {{ include "groundwire.fullname" . }}
{{- end -}}

{{- define "groundwire.configMap" -}}
{{- .Values.existingConfigMap | default (printf "%s-config" (include "groundwire.fullname" .)) -}}
{{- end -}}

{{- define "groundwire.serviceAccount" -}}
{{- if .Values.serviceAccount.create -}}
{{- .Values.serviceAccount.name | default (include "groundwire.fullname" .) -}}
{{- else -}}
{{- .Values.serviceAccount.name | default "default" -}}
{{- end -}}
{{- end -}}

{{/* (dict "image" .Values.image "repository" R "digest" D "appVersion" V) */}}
{{- define "groundwire.image" -}}
{{- $name := .repository -}}
{{- if .image.registry -}}{{- $name = printf "%s/%s" (trimSuffix "/" .image.registry) .repository -}}{{- end -}}
{{- if .digest -}}
{{- printf "%s@%s" $name .digest -}}
{{- else -}}
{{- printf "%s:%s" $name (.image.tag | default .appVersion) -}}
{{- end -}}
{{- end -}}

{{- define "groundwire.analysisImage" -}}
{{- include "groundwire.image" (dict "image" .Values.image "repository" .Values.image.repository "digest" .Values.image.digest "appVersion" .Chart.AppVersion) -}}
{{- end -}}

{{- define "groundwire.trafficImage" -}}
{{- $own := .Values.image.trafficRepository -}}
{{- $repository := $own | default .Values.image.repository -}}
{{- $digest := ternary .Values.image.trafficDigest .Values.image.digest (not (empty $own)) -}}
{{- include "groundwire.image" (dict "image" .Values.image "repository" $repository "digest" $digest "appVersion" .Chart.AppVersion) -}}
{{- end -}}

{{/* A Kubernetes quantity of memory in bytes. */}}
{{- define "groundwire.bytes" -}}
{{- $text := toString . -}}
{{- if not (regexMatch "^[0-9]+(Ki|Mi|Gi|Ti|k|M|G|T)?$" $text) -}}
{{- fail (printf "analysis.resources.limits.memory: %s must be a whole number with Mi or Gi" $text) -}}
{{- end -}}
{{- $unit := regexFind "[A-Za-z]+$" $text -}}
{{- $factor := get (dict "" 1 "Ki" 1024 "Mi" 1048576 "Gi" 1073741824 "Ti" 1099511627776 "k" 1000 "M" 1000000 "G" 1000000000 "T" 1000000000000) $unit -}}
{{- mul (trimSuffix $unit $text | int64) $factor -}}
{{- end -}}

{{/* The largest number of pods that carry Groundwire. */}}
{{- define "groundwire.replicas" -}}
{{- if .Values.autoscaling.enabled -}}{{- .Values.autoscaling.maxReplicas -}}{{- else -}}{{- .Values.replicas -}}{{- end -}}
{{- end -}}

{{- define "groundwire.storeKind" -}}
{{- if .Values.valkey.enabled -}}redis{{- else -}}{{- .Values.store.kind -}}{{- end -}}
{{- end -}}
